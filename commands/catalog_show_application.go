package commands

import (
	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/term"
)

type applicationReport struct {
	Name        string            `json:"name"`
	ID          string            `json:"id,omitempty"`
	Version     string            `json:"version,omitempty"`
	AsyncAPI    string            `json:"asyncapi"`
	Description string            `json:"description,omitempty"`
	File        string            `json:"file"`
	Owner       *valueReport      `json:"owner"`
	System      *valueReport      `json:"system"`
	Servers     []serverReport    `json:"servers"`
	Operations  []operationReport `json:"operations"`
	At          finding.Position  `json:"at"`
}

type serverReport struct {
	Key          string           `json:"key"`
	Address      string           `json:"address"`
	Protocol     string           `json:"protocol"`
	Environments []string         `json:"environments"`
	At           finding.Position `json:"at"`
}

func applicationOf(a *catalog.Application) *applicationReport {
	r := &applicationReport{
		Name: a.Name(), ID: a.ID, Version: a.Version, AsyncAPI: a.Spec, Description: a.Description, File: a.File,
		Owner: valueOf(a.Owner), System: valueOf(a.System), Servers: []serverReport{}, Operations: []operationReport{}, At: a.At,
	}
	for _, s := range a.Servers {
		r.Servers = append(r.Servers, serverReport{Key: s.Key, Address: s.URL, Protocol: s.Protocol, Environments: s.Environments(), At: s.At})
	}
	for _, op := range a.Operations {
		r.Operations = append(r.Operations, operationOf(op))
	}
	return r
}

func viewApplication(p *term.Page, a *applicationReport) {
	p.Line("%s %s", term.In(term.Bold, a.Name), a.Version)
	if a.Description != "" {
		p.Block("  ", a.Description)
	}
	if a.ID != "" {
		p.Line("  %-22s %s", "id", a.ID)
	}
	p.Line("  %-22s %s, AsyncAPI %s", "document", a.File, a.AsyncAPI)
	viewValue(p, "owner", a.Owner, true)
	viewValue(p, "system", a.System, false)
	for _, s := range a.Servers {
		p.Line("  %-22s %s  %s (%s)", "server", s.Key, s.Address, s.Protocol)
	}
	p.Line("")
	if len(a.Operations) == 0 {
		p.Line("No operations.")
		return
	}
	t := term.NewTable("OPERATION*", "ROLE", "CHANNEL*", "GROUP", "PRINCIPAL", "DEAD-LETTER*", "SAYS")
	for i := range a.Operations {
		o := &a.Operations[i]
		t.Row(o.Operation, o.Role, o.Channel, o.Group.text(), o.Principal.text(), o.DLT, o.Direction)
	}
	p.Table(t)
}
