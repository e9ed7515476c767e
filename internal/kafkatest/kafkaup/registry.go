//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// The newest line that runs on Java 17; it speaks Confluent's REST API under
// /apis/ccompat/v7.
const registry = "io.apicurio:apicurio-registry-app:3.0.9:tar.gz:all"

// registryUp starts an Apicurio Registry in memory and writes WEIR_TEST_REGISTRY.
func registryUp(ctx context.Context, st state) error {
	began := time.Now()
	if err := st.fresh(); err != nil {
		return err
	}
	archive, err := fetchArtifact(ctx, "apicurio-3.0.9", registry)
	if err != nil {
		return err
	}
	tars, err := filepath.Glob(filepath.Join(archive, "apicurio-registry-app-*.tar.gz"))
	if err != nil || len(tars) != 1 {
		return fmt.Errorf("unpack registry: %d archives in %s", len(tars), archive)
	}
	if out, err := exec.CommandContext(ctx, "tar", "-xzf", tars[0], "-C", st.path("data")).CombinedOutput(); err != nil {
		return fmt.Errorf("unpack registry: %w\n%s", err, out)
	}
	jars, err := filepath.Glob(st.path("data", "apicurio-registry-app-*-runner.jar"))
	if err != nil || len(jars) != 1 {
		return fmt.Errorf("unpack registry: %d runner jars", len(jars))
	}
	free, err := freePorts(1)
	if err != nil {
		return err
	}
	if _, err := detach(st, "registry", jars[0], "java", "-Xmx512m", "-XX:TieredStopAtLevel=1",
		"-Dquarkus.http.host=127.0.0.1", "-Dquarkus.http.port="+strconv.Itoa(free[0]), "-jar", jars[0]); err != nil {
		return err
	}
	url := fmt.Sprintf("http://127.0.0.1:%d/apis/ccompat/v7", free[0])
	if err := poll(ctx, st, "the registry", func(ctx context.Context) error { return answers(ctx, url+"/subjects") }); err != nil {
		return errors.Join(err, st.down())
	}
	if err := st.writeEnv([][2]string{{"WEIR_TEST_REGISTRY", url}}); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "registry up in %.1f s: . %s\n", time.Since(began).Seconds(), st.path("env"))
	return nil
}

func answers(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	return nil
}
