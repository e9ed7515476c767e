//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"syscall"
)

// runtime runs classes of one Kafka version.
type runtime interface {
	// run waits for the class to end and returns an error with its output.
	run(ctx context.Context, class string, args ...string) error
	// start leaves the class running. Its output goes to log/<name>.log; mark is
	// an argument by which it is known again.
	start(ctx context.Context, st state, name, mark, class string, args ...string) (process, error)
}

// findRuntime takes Docker where a daemon runs and an image exists, else the JDK.
func findRuntime(ctx context.Context, st state, version string) (runtime, error) {
	// Host networking, which lets brokers advertise loopback, is Linux only; the
	// official image begins with 3.7.
	if goruntime.GOOS == "linux" && !old(version) && exec.CommandContext(ctx, "docker", "info").Run() == nil {
		return docker{image: "apache/kafka:" + version, dir: st.dir}, nil
	}
	for _, tool := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			if old(version) {
				return nil, fmt.Errorf("no %s: Apache Kafka %s has no image, so install a JDK (17 or later) and Maven", tool, version)
			}
			return nil, fmt.Errorf("neither a docker daemon nor %s: install a JDK (17 or later) and Maven, or start docker", tool)
		}
	}
	libs, err := fetchDependencies(ctx, "kafka-"+version, kafkaDependencies(version))
	if err != nil {
		return nil, err
	}
	return jdk{classPath: filepath.Join(libs, "*")}, nil
}

// javaOptions keep three brokers small enough for a laptop.
func javaOptions(conf string) []string {
	return []string{
		"-Xmx512m", "-XX:TieredStopAtLevel=1",
		"-Dlog4j2.configurationFile=" + filepath.Join(conf, "log4j2.yaml"),
		"-Dlog4j.configuration=file:" + filepath.Join(conf, "log4j.properties"),
	}
}

type jdk struct{ classPath string }

func (j jdk) run(ctx context.Context, class string, args ...string) error {
	out, err := exec.CommandContext(ctx, "java", append([]string{"-cp", j.classPath, class}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", class, err, out)
	}
	return nil
}

func (j jdk) start(_ context.Context, st state, name, mark, class string, args ...string) (process, error) {
	argv := append(javaOptions(st.path("conf")), "-cp", j.classPath, class)
	return detach(st, name, mark, "java", append(argv, args...)...)
}

// detach starts a program that outlives this one.
func detach(st state, name, mark, program string, args ...string) (process, error) {
	log, err := os.OpenFile(st.path("log", name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return process{}, err
	}
	defer log.Close()
	c := command(program, args...)
	c.Dir, c.Stdout, c.Stderr = st.dir, log, log
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		return process{}, err
	}
	go func() { _ = c.Wait() }() // so that a broker that fails is seen as gone
	p := process{name: name, id: strconv.Itoa(c.Process.Pid), mark: mark}
	return p, st.record(p)
}

// docker runs the classes of the official image on the host's network, with the
// state folder at the same path inside.
type docker struct{ image, dir string }

func (d docker) args(extra ...string) []string {
	return append([]string{
		"run", "--network", "host", "--user", fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()),
		"-v", d.dir + ":" + d.dir, "--entrypoint", "java",
	}, extra...)
}

func (d docker) run(ctx context.Context, class string, args ...string) error {
	argv := append(d.args("--rm", d.image, "-cp", "/opt/kafka/libs/*", class), args...)
	out, err := exec.CommandContext(ctx, "docker", argv...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", class, err, out)
	}
	return nil
}

func (d docker) start(ctx context.Context, st state, name, mark, class string, args ...string) (process, error) {
	argv := d.args("-d", d.image)
	argv = append(argv, javaOptions(st.path("conf"))...)
	argv = append(append(argv, "-cp", "/opt/kafka/libs/*", class), args...)
	out, err := exec.CommandContext(ctx, "docker", argv...).Output()
	if ee, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w\n%s", err, ee.Stderr)
	}
	if err != nil {
		return process{}, fmt.Errorf("docker run: %w", err)
	}
	p := process{name: name, id: strings.TrimSpace(string(out)), mark: mark}
	return p, st.record(p)
}

// kafkaDependencies are the Maven coordinates of a broker that logs.
func kafkaDependencies(version string) []string {
	deps := []string{"org.apache.kafka:kafka_2.13:" + version}
	switch {
	case old(version):
		deps = append(deps, "org.slf4j:slf4j-simple:1.7.36")
	case !strings.HasPrefix(version, "3."): // 3.x brings slf4j-reload4j
		// The broker speaks slf4j 1.7, so the binding for 2 would be the wrong one.
		deps = append(deps, "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4")
	}
	return deps
}

// tools prints the class path of the programs that come with a version, and of its
// Streams library: with them tests ask Kafka itself.
func tools(ctx context.Context, version string) error {
	deps := kafkaDependencies(version) // until 3.7 the tools lie in the broker itself
	if !old(version) {
		deps = append(deps, "org.apache.kafka:kafka-tools:"+version, "org.apache.kafka:kafka-streams:"+version)
	}
	libs, err := fetchDependencies(ctx, "kafka-tools-"+version, deps)
	if err != nil {
		return err
	}
	_, err = fmt.Println(filepath.Join(libs, "*"))
	return err
}

// The goals that fetch needs. The old one takes a single artifact without reading
// its descriptor, whose parent some mirrors do not have.
const (
	copyDependencies = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
	copyArtifact     = "org.apache.maven.plugins:maven-dependency-plugin:2.10:copy"
)

// fetchDependencies copies what the coordinates need into the user's cache, once,
// and returns the folder of jars.
func fetchDependencies(ctx context.Context, name string, deps []string) (string, error) {
	return cached(name, func(dir string) error {
		pom := filepath.Join(dir, "pom.xml")
		if err := os.WriteFile(pom, []byte(pomFor(deps)), 0o600); err != nil {
			return err
		}
		return maven(ctx, "-f", pom, copyDependencies, "-DoutputDirectory="+dir, "-DincludeScope=runtime")
	})
}

// fetchArtifact copies one artifact into the user's cache, once, and returns its
// folder.
func fetchArtifact(ctx context.Context, name, artifact string) (string, error) {
	return cached(name, func(dir string) error {
		return maven(ctx, "-U", copyArtifact, "-Dartifact="+artifact, "-DoutputDirectory="+dir)
	})
}

func maven(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "mvn", append([]string{"-q", "-B"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mvn: %w\n%s", err, out)
	}
	return nil
}

// cached returns the folder of that name in the user's cache, filled once.
func cached(name string, fill func(dir string) error) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "weir-test", name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), name+".")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := fill(tmp); err != nil {
		return "", fmt.Errorf("fetch %s: %w", name, err)
	}
	// Another run may have been quicker: its folder is as good.
	if err := os.Rename(tmp, dir); err != nil {
		if _, statErr := os.Stat(dir); statErr != nil {
			return "", err
		}
	}
	return dir, nil
}

func pomFor(deps []string) string {
	var b strings.Builder
	b.WriteString(`<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>` +
		`<groupId>weir</groupId><artifactId>test</artifactId><version>1</version><packaging>pom</packaging><dependencies>`)
	for _, d := range deps {
		f := strings.Split(d, ":")
		fmt.Fprintf(&b, `<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency>`, f[0], f[1], f[2])
	}
	b.WriteString(`</dependencies></project>`)
	return b.String()
}
