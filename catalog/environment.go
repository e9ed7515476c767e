package catalog

import (
	"maps"
	"slices"
)

// selectEnv keeps the channels and operations that exist in the environment.
func (c *Catalog) selectEnv(env string) *EnvError {
	known := map[string]bool{}
	for _, a := range c.Applications {
		for _, s := range a.Servers {
			for _, n := range s.Environments() {
				known[n] = true
			}
		}
	}
	if !known[env] {
		return &EnvError{Env: env, Known: slices.Sorted(maps.Keys(known))}
	}
	for _, a := range c.Applications {
		if len(a.Servers) == 0 {
			continue
		}
		in := func(s *Server) bool { return slices.Contains(s.Environments(), env) }
		here := slices.IndexFunc(a.Servers, in) >= 0
		a.Channels = slices.DeleteFunc(a.Channels, func(ch *Channel) bool {
			if len(ch.Servers) == 0 {
				return !here
			}
			return !slices.ContainsFunc(ch.Servers, in)
		})
		a.Operations = slices.DeleteFunc(a.Operations, func(op *Operation) bool {
			return op.Channel != nil && !slices.Contains(a.Channels, op.Channel)
		})
		for _, ch := range a.Channels {
			ch.override(a, in)
		}
	}
	return nil
}

// override applies x-env-server-overrides of the servers of the environment.
func (ch *Channel) override(a *Application, in func(*Server) bool) {
	for _, s := range a.Servers {
		if !in(s) {
			continue
		}
		for _, o := range ch.Overrides {
			if o.Server != s.Key {
				continue
			}
			if o.Partitions.Known() {
				ch.Partitions = o.Partitions
			}
			if o.Replicas.Known() {
				ch.Replicas = o.Replicas
			}
			if len(o.TopicConfig) > 0 {
				ch.TopicConfig = maps.Clone(ch.TopicConfig)
				if ch.TopicConfig == nil {
					ch.TopicConfig = map[string]Value[string]{}
				}
				maps.Copy(ch.TopicConfig, o.TopicConfig)
			}
		}
	}
}
