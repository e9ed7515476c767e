package kafkatest

import (
	"context"
	"errors"
	"net"
	"sync"
)

// Lifeline dials for one client and can cut all its connections at once: the client then
// dies for the brokers as a killed process does, without leaving its groups. The zero
// value is ready for kgo.Dialer.
type Lifeline struct {
	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

var errCut = errors.New("the lifeline is cut")

// Dial is a dialer for plaintext listeners.
func (l *Lifeline) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return nil, errors.Join(errCut, c.Close())
	}
	l.conns = append(l.conns, c)
	return c, nil
}

// Cut ends every connection and lets no new one come up.
func (l *Lifeline) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for _, c := range l.conns {
		_ = c.Close()
	}
}
