// Package deps keeps the modules the plan names in go.mod until code imports them.
package deps
