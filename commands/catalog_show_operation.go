package commands

import (
	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/term"
)

type operationReport struct {
	Application string           `json:"application"`
	Owner       string           `json:"owner,omitempty"`
	Operation   string           `json:"operation"`
	Channel     string           `json:"channel,omitempty"`
	Role        string           `json:"role"`
	Direction   string           `json:"direction_origin"`
	Group       *valueReport     `json:"group"`
	Principal   *valueReport     `json:"principal"`
	DLT         string           `json:"dead_letter_topic,omitempty"`
	Retry       []string         `json:"retry_topics"`
	At          finding.Position `json:"at"`
}

func operationOf(op *catalog.Operation) operationReport {
	r := operationReport{
		Application: op.App.Name(), Owner: op.App.Owner.V.Team, Operation: op.ID, Role: op.Direction.Role(),
		Direction: op.DirectionOrigin, Principal: valueOf(op.Principal), Retry: []string{}, At: op.At,
	}
	if op.Channel != nil {
		r.Channel = op.Channel.Name()
	}
	if op.Group.Known() {
		r.Group = &valueReport{Value: op.Group.V.String(), Origin: string(op.Group.Origin), Key: op.Group.Key, At: op.Group.At}
	}
	if dlt := op.DLT(); dlt != nil {
		r.DLT = dlt.Topic
	}
	if op.ErrorTopics != nil {
		for _, t := range op.ErrorTopics.Retry {
			r.Retry = append(r.Retry, t.Topic)
		}
	}
	return r
}

func viewOperations(p *term.Page, ops []operationReport) {
	if len(ops) == 0 {
		p.Line("  none in the catalog")
		return
	}
	t := term.NewTable("  APPLICATION*", "OWNER*", "OPERATION*", "GROUP", "PRINCIPAL", "DEAD-LETTER*", "SAYS")
	for i := range ops {
		o := &ops[i]
		t.Row("  "+o.Application, o.Owner, o.Operation, o.Group.text(), o.Principal.text(), o.DLT, o.Direction)
	}
	p.Table(t)
}
