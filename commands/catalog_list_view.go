package commands

import (
	"cmp"
	"slices"
	"strings"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/internal/term"
)

func channelRow(cat *catalog.Catalog, s *catalog.Stream) catalogChannelRow {
	return catalogChannelRow{
		Name: s.Name, Protocol: protocolOf(s), Family: s.Family, Owner: teamOf(cat, s), Producers: appsOf(s.Producers),
		Consumers: appsOf(s.Consumers), Messages: len(s.Channels[0].Messages), At: s.Channels[0].At,
	}
}

func listChannels(cat *catalog.Catalog, mine func(string) bool, none func(string) string) (any, term.View) {
	rows := []catalogChannelRow{}
	for _, s := range cat.Streams() {
		if r := channelRow(cat, s); mine(r.Owner) {
			rows = append(rows, r)
		}
	}
	return map[string]any{"channels": rows}, rowsView(rows, none("channels"),
		[]string{"CHANNEL*", "PROTOCOL", "OWNER*", "PRODUCERS*", "CONSUMERS*", ">MESSAGES"},
		func(r catalogChannelRow) []any {
			return []any{r.Name, r.Protocol, r.Owner, strings.Join(r.Producers, ", "), strings.Join(r.Consumers, ", "), r.Messages}
		}, func(r catalogChannelRow) string { return r.Name })
}

func listMessages(cat *catalog.Catalog, mine func(string) bool, none func(string) string) (any, term.View) {
	rows := []catalogMessageRow{}
	for _, s := range cat.Streams() {
		ch := s.Channels[0]
		for _, m := range ch.Messages {
			r := catalogMessageRow{
				Name: cmp.Or(m.Name, m.ID), Channel: s.Name, Format: "none", Compatibility: ch.CompatibilityOf(m).V,
				Owner: teamOf(cat, s), At: m.At,
			}
			if m.Payload != nil {
				r.Format = string(m.Payload.Format)
			}
			if mine(r.Owner) {
				rows = append(rows, r)
			}
		}
	}
	return map[string]any{"messages": rows}, rowsView(rows, none("messages"),
		[]string{"MESSAGE*", "CHANNEL*", "FORMAT", "COMPATIBILITY", "OWNER*"},
		func(r catalogMessageRow) []any {
			return []any{r.Name, r.Channel, r.Format, r.Compatibility, r.Owner}
		}, func(r catalogMessageRow) string { return r.Name })
}

func listApplications(cat *catalog.Catalog, mine func(string) bool, none func(string) string) (any, term.View) {
	rows := []catalogApplicationRow{}
	for _, a := range cat.Applications {
		r := catalogApplicationRow{
			Name: a.Name(), ID: a.ID, Owner: a.Owner.V.Team, From: a.Owner.Key, AsyncAPI: a.Spec,
			Sends: []string{}, Receives: []string{}, At: a.At,
		}
		for _, op := range a.Operations {
			if op.Channel == nil {
				continue
			}
			if op.Direction == catalog.Send {
				r.Sends = append(r.Sends, op.Channel.Name())
			} else {
				r.Receives = append(r.Receives, op.Channel.Name())
			}
		}
		slices.Sort(r.Sends)
		slices.Sort(r.Receives)
		r.Sends, r.Receives = slices.Compact(r.Sends), slices.Compact(r.Receives)
		if mine(r.Owner) {
			rows = append(rows, r)
		}
	}
	return map[string]any{"applications": rows}, rowsView(rows, none("applications"),
		[]string{"APPLICATION*", "OWNER*", "FROM", "ASYNCAPI", "SENDS*", "RECEIVES*"},
		func(r catalogApplicationRow) []any {
			return []any{r.Name, r.Owner, r.From, r.AsyncAPI, strings.Join(r.Sends, ", "), strings.Join(r.Receives, ", ")}
		}, func(r catalogApplicationRow) string { return r.Name })
}

func listOwners(cat *catalog.Catalog, mine func(string) bool, none func(string) string) (any, term.View) {
	byTeam := map[string]*catalogOwnerRow{}
	row := func(team string) *catalogOwnerRow {
		team = cmp.Or(team, "unknown")
		if byTeam[team] == nil {
			byTeam[team] = &catalogOwnerRow{Owner: team}
		}
		return byTeam[team]
	}
	for _, a := range cat.Applications {
		row(a.Owner.V.Team).Applications++
	}
	for _, s := range cat.Streams() {
		row(teamOf(cat, s)).Channels++
	}
	rows := []catalogOwnerRow{}
	for _, r := range byTeam {
		if mine(r.Owner) {
			rows = append(rows, *r)
		}
	}
	slices.SortFunc(rows, func(a, b catalogOwnerRow) int { return cmp.Compare(a.Owner, b.Owner) })
	return map[string]any{"owners": rows}, rowsView(rows, none("owners"),
		[]string{"OWNER*", ">APPLICATIONS", ">CHANNELS"},
		func(r catalogOwnerRow) []any { return []any{r.Owner, r.Applications, r.Channels} },
		func(r catalogOwnerRow) string { return r.Owner })
}
