package commands

import (
	"path/filepath"
	"strings"

	"github.com/weirhq/weir/internal/config"
)

// againstWhat decides the baseline: the flag, weir.yaml, the pull request of CI.
func againstWhat(flag string, cfg *config.Config) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if s := cfg.Project.Compat.Against; s != "" {
		return fromConfig(s, cfg), nil
	}
	if base := pullRequestBase(cfg); base != "" {
		return base, nil
	}
	return "", usage("name one with --against git:main..., or set compat.against in weir.yaml; --against none only compares senders with receivers",
		"there is no baseline to compare with")
}

// pullRequestBase is the base of the pull request that CI runs for, empty without one.
func pullRequestBase(cfg *config.Config) string {
	env := cfg.Env().Getenv
	if ref := env("GITHUB_BASE_REF"); ref != "" {
		return "git:origin/" + ref + "..."
	}
	if sha := env("CI_MERGE_REQUEST_DIFF_BASE_SHA"); sha != "" {
		return "git:" + sha
	}
	return ""
}

// fromConfig reads a folder in weir.yaml from where weir.yaml stands, as all paths there.
func fromConfig(spec string, cfg *config.Config) string {
	if spec == "none" || strings.HasPrefix(spec, "git:") || strings.HasPrefix(spec, "registry:") || filepath.IsAbs(spec) {
		return spec
	}
	rel, err := filepath.Rel(cfg.Env().Dir, filepath.Join(cfg.Root, spec))
	if err != nil {
		return filepath.Join(cfg.Root, spec)
	}
	return rel
}
