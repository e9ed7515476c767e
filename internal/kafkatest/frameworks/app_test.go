// Package frameworks lets real frameworks write dead letters to a real Apache Kafka, and shows that weir reads them,
// puts them back, and that the framework's own consumer gets the records again.
//
// It decides what each framework is fed and what its dead letters must be read as: the expectations come from what was
// fed and from the source of the applications here, never from a decoder. It refuses to run by halves: without the
// class paths that the script prepare makes, and a broker, every test is skipped and says so.
//
// The two types to know are app, a running application, and letter, what weir reads of one dead letter.
package frameworks

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weirhq/weir/internal/kafkatest"
)

// patience is how long a framework may take: a JVM starts slowly on a busy machine.
const patience = 90 * time.Second

// begin skips the test where the frameworks or the broker are missing.
func begin(t *testing.T) *kafkatest.Cluster {
	t.Helper()
	if os.Getenv("WEIR_TEST_JVM") == "" {
		t.Skip("WEIR_TEST_JVM does not name the prepared frameworks: run make test-kafka-jvm")
	}
	if kafkatest.Real() == nil {
		t.Skip("WEIR_TEST_BROKERS does not name a real Kafka: run make test-kafka-jvm")
	}
	return kafkatest.Start(t)
}

// app is a framework's application. It ends with the test.
type app struct {
	t     *testing.T
	cmd   *exec.Cmd
	dir   string // where the application writes, if it does
	stdin io.WriteCloser
	ended chan struct{}

	mu    sync.Mutex
	lines []string
}

// start runs a class of a framework.
func start(t *testing.T, framework, class string, args ...string) *app {
	t.Helper()
	dir := filepath.Join(os.Getenv("WEIR_TEST_JVM"), framework)
	classPath := filepath.Join(dir, "classes") + string(os.PathListSeparator) + filepath.Join(dir, "libs", "*")
	argv := append([]string{"-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", classPath, class}, args...)
	a := &app{t: t, cmd: exec.CommandContext(t.Context(), "java", argv...), ended: make(chan struct{})}
	a.cmd.Cancel = func() error { return a.cmd.Process.Signal(syscall.SIGTERM) } // the hook lets the members leave their groups
	a.cmd.WaitDelay = 15 * time.Second
	a.cmd.Dir = t.TempDir()
	out, in := io.Pipe()
	a.cmd.Stdout, a.cmd.Stderr = in, in
	var err error
	if a.stdin, err = a.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = a.cmd.Wait()
		_ = in.Close()
	}()
	go func() {
		defer close(a.ended)
		for s := bufio.NewReader(out); ; {
			line, err := s.ReadString('\n')
			if err != nil {
				return
			}
			a.mu.Lock()
			a.lines = append(a.lines, strings.TrimRight(line, "\r\n"))
			a.mu.Unlock()
		}
	}()
	t.Cleanup(a.stop)
	return a
}

// stop ends the application and waits until it is gone.
func (a *app) stop() {
	_ = a.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-a.ended:
	case <-time.After(15 * time.Second):
		_ = a.cmd.Process.Kill()
		<-a.ended
	}
}

// say writes a line to the application's standard input.
func (a *app) say(line string) {
	a.t.Helper()
	if _, err := io.WriteString(a.stdin, line+"\n"); err != nil {
		a.t.Fatal(err)
	}
	a.wait("NOW " + line)
}

// wait waits for a line that begins with the text.
func (a *app) wait(prefix string) {
	a.t.Helper()
	a.waitFor(func(line string) bool { return strings.HasPrefix(line, prefix) }, "to print "+prefix)
}

// waitFor waits for a line that the application has printed or prints now.
func (a *app) waitFor(match func(line string) bool, what string) {
	a.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		if a.printed(match) {
			return
		}
		select {
		case <-a.ended:
			a.t.Fatalf("the application ended without %s:\n%s", what, a.tail())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			a.t.Fatalf("waited %s for the application %s:\n%s", patience, what, a.tail())
		}
	}
}

func (a *app) printed(match func(line string) bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.lines, match)
}

// tail is the end of what the application printed.
func (a *app) tail() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.lines[max(0, len(a.lines)-40):], "\n")
}
