//go:build !unix

package cmd

// Without the kernel's account of a child there is nothing to measure.
const envMeasure = "WEIR_TEST_MEASURE"

func measureMain() {}
