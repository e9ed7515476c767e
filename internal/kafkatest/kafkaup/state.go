//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// state is the folder of one cluster: pids, env, tls, properties, data, log.
type state struct {
	dir   string
	alias string // a second place for env, or empty
}

func (s state) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// fresh empties the folder. The logs of the last run were kept until now.
func (s state) fresh() error {
	if p := s.running(); p != "" {
		return fmt.Errorf("%s is still running (%s): stop it first with the down command", filepath.Base(s.dir), p)
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return err
	}
	for _, d := range []string{"pids", "tls", "log", "data"} {
		if err := os.MkdirAll(s.path(d), 0o700); err != nil {
			return err
		}
	}
	return nil
}

// running names the first process of ours that is alive.
func (s state) running() string {
	for _, p := range s.processes() {
		if p.alive() {
			return p.name
		}
	}
	return ""
}

// process is one started broker: a pid, or a container.
type process struct {
	name, id, mark string
}

// processes reads the pid files. Each holds the id and a text that the command
// line of the process contains, so that a reused pid is not mistaken for ours.
func (s state) processes() []process {
	files, _ := filepath.Glob(s.path("pids", "*")) // the pattern is well formed
	var ps []process
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		id, mark, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
		ps = append(ps, process{name: filepath.Base(f), id: id, mark: mark})
	}
	return ps
}

func (s state) record(p process) error {
	return os.WriteFile(s.path("pids", p.name), []byte(p.id+" "+p.mark+"\n"), 0o600)
}

func (p process) pid() (int, bool) {
	n, err := strconv.Atoi(p.id)
	return n, err == nil && n > 1
}

func (p process) alive() bool {
	if _, ok := p.pid(); !ok {
		out, err := command("docker", "inspect", "-f", "{{.State.Running}}", p.id).Output()
		return err == nil && strings.TrimSpace(string(out)) == "true"
	}
	out, err := command("ps", "-o", "command=", "-p", p.id).Output()
	return err == nil && strings.Contains(string(out), p.mark) && !strings.Contains(string(out), "<defunct>")
}

// end stops the process: politely within grace, then hard. 0 means hard at once. A
// container that has ended is still there, and removed.
func (p process) end(grace time.Duration) error {
	pid, ok := p.pid()
	if !ok {
		return command("docker", "rm", "-f", p.id).Run()
	}
	if !p.alive() {
		return nil
	}
	if grace > 0 {
		_ = syscall.Kill(pid, syscall.SIGTERM) // gone already is fine
		for deadline := time.Now().Add(grace); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if !p.alive() {
				return nil
			}
		}
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if !p.alive() {
			return nil
		}
	}
	return fmt.Errorf("%s (pid %d) does not end", p.name, pid)
}

// command is exec.Command for helpers that answer at once.
func command(name string, args ...string) *exec.Cmd {
	return exec.CommandContext(context.Background(), name, args...)
}

// down stops everything and removes all but the logs.
func (s state) down() error {
	var errs []error
	for _, p := range s.processes() {
		errs = append(errs, p.end(2*time.Second))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, d := range []string{"pids", "tls", "data", "env", "conf"} {
		errs = append(errs, os.RemoveAll(s.path(d)))
	}
	if s.alias != "" {
		if err := os.Remove(s.alias); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (s state) kill(name string) error {
	for _, p := range s.processes() {
		if p.name == name {
			return p.end(0)
		}
	}
	return fmt.Errorf("no %s in %s", name, s.dir)
}

// writeEnv writes lines that a shell reads with ".".
func (s state) writeEnv(pairs [][2]string) error {
	var b strings.Builder
	for _, kv := range pairs {
		fmt.Fprintf(&b, "export %s='%s'\n", kv[0], kv[1])
	}
	for _, f := range []string{s.path("env"), s.alias} {
		if f == "" {
			continue
		}
		if err := os.WriteFile(f, []byte(b.String()), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// tail is the end of a log, for an error.
func (s state) tail(name string) string {
	b, err := s.log(name)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

func (s state) log(name string) ([]byte, error) {
	for _, p := range s.processes() {
		if _, ok := p.pid(); !ok && p.name == name {
			return command("docker", "logs", p.id).CombinedOutput()
		}
	}
	return os.ReadFile(s.path("log", name+".log"))
}

// freePorts returns n different ports that nobody listens on now.
func freePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for range n {
		l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // held until all are chosen, or the same port comes twice
		a, ok := l.Addr().(*net.TCPAddr)
		if !ok {
			return nil, fmt.Errorf("listening on %s", l.Addr())
		}
		ports = append(ports, a.Port)
	}
	return ports, nil
}
