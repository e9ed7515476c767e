// Package examples holds catalogs that the demo, the tests and the README use.
//
// It decides nothing; the one name to know is [Orders].
package examples

import (
	"embed"
	"io/fs"
)

//go:embed orders
var files embed.FS

// Orders is the catalog of a small shop: four applications of four teams, AsyncAPI
// 2.6, 3.0 and 3.1, and payloads in JSON Schema, Avro and Protobuf.
func Orders() fs.FS {
	sub, err := fs.Sub(files, "orders")
	if err != nil {
		panic(err) // the name is a constant that the embed directive checks
	}
	return sub
}
