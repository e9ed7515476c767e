package kafkatest_test

import (
	"testing"

	"go.uber.org/goleak"
)

// No goroutine may outlive the tests: a client or a watch that was not closed shows here.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
