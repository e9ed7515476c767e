package demo

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
)

// The numbers of the tour. Of the first orders ten are poison, two of each kind:
// billing cannot handle any of those, notifications only the two that are cut short.
// After the repair billing can handle the two texts and the two of the silent ledger.
const (
	tourOrders   = 200
	tourMore     = 40
	tourPoison   = 10
	tourRepaired = 4
)

// steps is the road of the tour, in order.
func (s *stage) steps() []step {
	dlt := s.name(DeadLetters(Billing))
	return slices.Concat(s.beginning(), s.opening(), s.reading(), s.contract(), s.incident(dlt), s.repair(dlt))
}

// beginning: the contract, its topics, and on a cluster made for the tour its rights.
// Elsewhere rights are not the tour's to give: the first one on a topic may shut out
// everybody else.
func (s *stage) beginning() []step {
	things, rights := 14, "five topics and nine rights"
	if s.cfg.Prefix != "" {
		things, rights = 5, "five topics; the rights of this cluster are not touched"
	}
	return []step{
		{
			title:   "A small shop has written down its events: who sends what to whom.",
			args:    []string{"catalog", "validate", s.catalog()},
			offline: true,
			claims: []claim{
				{"the contracts of four teams are in order", `^4 documents, 3 channels, .*valid`},
			},
		},
		{
			title: "What would make the cluster agree with that?",
			args:  []string{"plan", "--catalog", s.catalog()},
			claims: []claim{
				{rights, fmt.Sprintf(`^%d to add, 0 to change, 0 to delete`, things)},
			},
		},
		{
			title: "Make it so.",
			args:  []string{"apply", "--catalog", s.catalog(), "--yes"},
			claims: []claim{
				{"all of it is done", fmt.Sprintf(`^Applied: %d added, 0 changed, 0 deleted, 0 failed`, things)},
			},
		},
		{
			title: "Is anything left to do?",
			args:  []string{"plan", "--catalog", s.catalog(), "--detailed-exitcode"},
			claims: []claim{
				{"the plan is empty", `^No changes`},
			},
		},
	}
}

// opening: the first orders.
func (s *stage) opening() []step {
	return []step{
		{
			title: "The shop opens: 200 orders come in, ten of them poison.",
			args:  s.target("demo", "produce", "--count", strconv.Itoa(tourOrders), "--poison", "0.05"),
			claims: []claim{
				{"every order is acknowledged by all replicas in sync", `^200 orders acknowledged in ` + s.quoted(Orders) + `, 10 of them poison`},
			},
		},
		{
			title: "What is on the cluster now, and is it healthy?",
			args:  s.only("topic", "list"),
			claims: []claim{
				{"the topic of orders is there, and healthy", `^` + s.quoted(Orders) + ` +6 +\d +ok`},
				{"each consumer group has a dead-letter topic of its own", `^` + s.quoted(DeadLetters(Notify)) + ` +6 +\d +ok`},
			},
		},
	}
}

// reading: two groups work, one falls behind.
func (s *stage) reading() []step {
	first, more := strconv.Itoa(tourOrders), strconv.Itoa(tourMore)
	groups := []string{s.name(Billing), s.name(Notify)}
	return []step{
		{
			title: "Billing works through the orders. What it cannot handle becomes a dead letter.",
			args:  s.target("demo", "consume", "--group", Billing, "--count", first),
			claims: []claim{
				{"all orders are handled, the ten bad ones as dead letters", `^` + s.quoted(Billing) + `: 200 records handled, \d+ retries, 10 dead letters, 190 payments`},
			},
		},
		{
			title: "Notifications reads the same orders; it needs an address only.",
			args:  s.target("demo", "consume", "--group", Notify, "--count", first),
			claims: []claim{
				{"only the two orders that are no JSON are dead for it", `^` + s.quoted(Notify) + `: 200 records handled, 0 retries, 2 dead letters`},
			},
		},
		{
			title: "Orders go on while billing and notifications are down.",
			args:  s.target("demo", "produce", "--count", more, "--poison", "0"),
			claims: []claim{
				{"forty more are there", `^40 orders acknowledged`},
			},
		},
		{
			title: "Who is behind? More than ten records are too many for this check.",
			args:  append(append([]string{"lag"}, groups...), "--by", "group", "--max-lag", "10"),
			exit:  3,
			claims: []claim{
				{"billing is forty records behind", `^` + s.quoted(Billing) + ` +Empty +0 +6 +40 `},
				{"the gate says so", `max-lag: ` + s.quoted(Billing) + `: lag 40 records, limit 10`},
			},
		},
		{
			title: "Billing comes back.",
			args:  s.target("demo", "consume", "--group", Billing, "--count", more),
			claims: []claim{
				{"billing goes on where it stopped", `^` + s.quoted(Billing) + `: 40 records handled, \d+ retries, 0 dead letters, 40 payments`},
			},
		},
		{
			title: "So does notifications.",
			args:  s.target("demo", "consume", "--group", Notify, "--count", more),
			claims: []claim{
				{"it goes on where it stopped", `^` + s.quoted(Notify) + `: 40 records handled`},
			},
		},
		{
			title: "And now?",
			args:  append(append([]string{"lag"}, groups...), "--by", "group", "--max-lag", "0"),
			claims: []claim{
				{"nobody is behind", `^2 groups, 0 records unread`},
			},
		},
	}
}

// contract: a change that would break billing is stopped before it is merged.
func (s *stage) contract() []step {
	return []step{
		{
			title:   "Somebody proposes to send an order's total as a text. The gate of a pull request answers.",
			args:    []string{"compat", "check", s.proposal(), "--against", s.catalog()},
			offline: true,
			exit:    3,
			claims: []claim{
				{"the change is refused", `^not compatible: BACKWARD .* and FORWARD `},
				{"it shows a message that breaks", `witness +\{.*"total":0.*is valid under .* and refused by `},
				{"it says whom it would hit", `who .*Billing \(team-payments, group ` + s.quoted(Billing) + `\)`},
			},
		},
	}
}

// incident: what is in the dead-letter topic, and why.
func (s *stage) incident(dlt string) []step {
	return []step{
		{
			title: "Meanwhile, the dead letters. Does anything wait for somebody?",
			args:  []string{"dlt", "list", dlt, s.name(DeadLetters(Notify)), "--catalog", s.catalog()},
			claims: []claim{
				{"ten wait for team-payments", `^` + s.quoted(DeadLetters(Billing)) + ` +\S+ +10 .* team-payments$`},
				{"two wait for team-crm", `^` + s.quoted(DeadLetters(Notify)) + ` +\S+ +2 .* team-crm$`},
			},
		},
		{
			title: "Ten dead letters: how many problems are that?",
			args:  []string{"dlt", "inspect", dlt},
			claims: []claim{
				{"ten records, five causes", `^10 stored in ` + s.quoted(DeadLetters(Billing)) + `, 5 causes`},
			},
			keep: map[string]string{
				"ledger":   `^([0-9a-f]+) .*SocketTimeoutException`,
				"text":     `^([0-9a-f]+) .*MismatchedInputException`,
				"negative": `^([0-9a-f]+) .*IllegalArgumentException`,
				"currency": `^([0-9a-f]+) .*UnknownCurrencyException`,
				"cut":      `^([0-9a-f]+) .*JsonEOFException`,
			},
		},
	}
}

// repair: the application is mended, what it can handle now is replayed, the rest is
// let go with a reason.
func (s *stage) repair(dlt string) []step {
	plan := filepath.Join(s.cfg.Dir, "replay.json")
	return []step{
		{
			title: "Billing is mended: it reads totals that are texts, and its ledger answers. Replay those four?",
			args:  []string{"dlt", "plan", dlt, "--cause", "{text}", "--cause", "{ledger}", "--out", plan},
			exit:  2,
			claims: []claim{
				{"weir refuses: notifications would get them again, too", `fan-out of ` + s.quoted(Orders) + `: 2 groups will get the records again`},
			},
		},
		{
			title: "Notifications can bear that. It is acknowledged, and written into the plan.",
			args:  []string{"dlt", "plan", dlt, "--cause", "{text}", "--cause", "{ledger}", "--ack-fanout", "--out", plan},
			claims: []claim{
				{"four of ten records, exactly once", `^Plan \S+ +exactly-once to topic\n(.*\n)* +records +4 of 10 read`},
			},
		},
		{
			title: "The plan is carried out.",
			args:  []string{"dlt", "replay", plan, "--rate", "0", "--canary", "0", "--settle", "0s", "--yes"},
			claims: []claim{
				{"four replayed, none failed, none remaining", `done: 4 of 4 replayed, 0 failed, 0 left out, 0 remaining`},
			},
		},
		{
			title: "Billing reads them once more.",
			args:  s.target("demo", "consume", "--group", Billing, "--fixed", "--count", strconv.Itoa(tourRepaired)),
			claims: []claim{
				{"none of the four dies again", `^` + s.quoted(Billing) + `: 4 records handled, \d+ retries, 0 dead letters, 4 payments`},
			},
		},
		{
			title: "The other six were never orders. That is written down, so that nobody wonders.",
			args: []string{
				"dlt", "discard", dlt, "--cause", "{negative}", "--cause", "{currency}", "--cause", "{cut}",
				"--reason", "against the contract; the sender was told", "--yes",
			},
			claims: []claim{
				{"six are let go, and stay in the topic until somebody purges it", `6 dead letters of ` + s.quoted(DeadLetters(Billing)) + ` discarded`},
			},
		},
		{
			title: "Does anything still wait for team-payments?",
			args:  []string{"dlt", "list", dlt, "--fail-on-depth", "0"},
			claims: []claim{
				{"nothing is unresolved", `^` + s.quoted(DeadLetters(Billing)) + ` +0 +10 `},
			},
		},
		{
			title: "The same is counted again, without weir.",
			proof: balance,
		},
	}
}

// target adds the prefix to a command of the pair.
func (s *stage) target(args ...string) []string {
	if s.cfg.Prefix != "" {
		args = append(args, "--prefix", s.cfg.Prefix)
	}
	return args
}

// only limits a listing to the tour's own names where others may be.
func (s *stage) only(args ...string) []string {
	if s.cfg.Prefix != "" {
		args = append(args, "--regex", s.quoted("")+".*")
	}
	return args
}

// balance proves with a plain client that every order but the six was paid once, and
// that each of the six is a dead letter.
func balance(ctx context.Context, s *stage) (string, error) {
	const unpaid = tourPoison - tourRepaired
	const all = tourOrders + tourMore
	says := fmt.Sprintf("of %d orders %d were paid, each once; the other %d are dead letters", all, all-unpaid, unpaid)
	placed, err := s.keys(ctx, Orders)
	if err != nil {
		return says, err
	}
	paid, err := s.keys(ctx, Payments)
	if err != nil {
		return says, err
	}
	dead, err := s.keys(ctx, DeadLetters(Billing))
	if err != nil {
		return says, err
	}
	if len(placed) != all || len(paid) != all-unpaid || len(dead) != tourPoison {
		return says, fmt.Errorf("%d orders, %d paid, %d dead letters", len(placed), len(paid), len(dead))
	}
	for key := range placed {
		if paid[key] > 1 || paid[key] == 0 && dead[key] != 1 {
			return says, fmt.Errorf("order %s: %d payments, %d dead letters", key, paid[key], dead[key])
		}
	}
	return says, nil
}
