package demo

import (
	"context"
	"fmt"
	"strconv"
)

// The numbers of the tour: of 200 orders ten are poison, two of each kind; billing
// cannot handle any of those, notifications only the two that are cut short.
const (
	tourOrders = 200
	tourPoison = 10
)

// steps is the road of the tour, in order.
func (s *stage) steps() []step {
	orders, dlt := s.name(Orders), s.name(DeadLetters(Billing))
	count := strconv.Itoa(tourOrders)
	return []step{
		{
			title: "A shop begins: its topics are made, and 200 orders come in, ten of them poison.",
			args:  s.target("demo", "produce", "--create-topics", "--count", count, "--poison", "0.05"),
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
		{
			title: "Billing works through the orders. What it cannot handle becomes a dead letter.",
			args:  s.target("demo", "consume", "--group", Billing, "--count", count),
			claims: []claim{
				{"all orders are handled, the ten bad ones as dead letters", `^` + s.quoted(Billing) + `: 200 records handled, \d+ retries, 10 dead letters, 190 payments`},
			},
		},
		{
			title: "Notifications reads the same orders; it needs an address only.",
			args:  s.target("demo", "consume", "--group", Notify, "--count", count),
			claims: []claim{
				{"only the two orders that are no JSON are dead for it", `^` + s.quoted(Notify) + `: 200 records handled, 0 retries, 2 dead letters`},
			},
		},
		{
			title: "Who reads here?",
			args:  s.only("group", "list"),
			claims: []claim{
				{"both groups are known", `^` + s.quoted(Billing) + ` `},
				{"their members have left", `^` + s.quoted(Notify) + ` .*(?i:empty)`},
			},
		},
		{
			title: "Ten dead letters: how many problems are that?",
			args:  []string{"dlt", "inspect", dlt},
			claims: []claim{
				{"ten records, five causes", `^10 stored in ` + s.quoted(DeadLetters(Billing)) + `, 5 causes`},
			},
		},
		{
			title: "The same is counted again, without weir.",
			proof: func(ctx context.Context, s *stage) (string, error) { return s.balance(ctx, orders) },
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

// balance proves with a plain client that every order was either paid once or is a
// dead letter once.
func (s *stage) balance(ctx context.Context, orders string) (string, error) {
	says := fmt.Sprintf("%d payments and %d dead letters: each order of %s ended in exactly one of the two",
		tourOrders-tourPoison, tourPoison, orders)
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
	if len(placed) != tourOrders || len(paid) != tourOrders-tourPoison || len(dead) != tourPoison {
		return says, fmt.Errorf("%d orders, %d paid, %d dead", len(placed), len(paid), len(dead))
	}
	for key := range placed {
		if paid[key]+dead[key] != 1 {
			return says, fmt.Errorf("order %s: %d payments, %d dead letters", key, paid[key], dead[key])
		}
	}
	return says, nil
}
