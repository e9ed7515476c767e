package commands

import (
	"cmp"

	"github.com/weirhq/weir/internal/config"
)

// againstWhat decides the baseline: the flag, weir.yaml, the pull request of CI.
func againstWhat(flag string, cfg *config.Config) (string, error) {
	env := cfg.Env().Getenv
	if s := cmp.Or(flag, cfg.Project.Compat.Against); s != "" {
		return s, nil
	}
	if ref := env("GITHUB_BASE_REF"); ref != "" {
		return "git:origin/" + ref + "...", nil
	}
	if sha := env("CI_MERGE_REQUEST_DIFF_BASE_SHA"); sha != "" {
		return "git:" + sha, nil
	}
	return "", usage("name one with --against git:main..., or set compat.against in weir.yaml; --against none only compares senders with receivers",
		"there is no baseline to compare with")
}
