package broker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// The header that every request starts with: size (4), key (2), version
	// (2), correlation id (4). The size does not count its own four bytes.
	headerBytes = 12
	// Key, version, correlation id and the length of the client id: no request
	// is shorter, so a shorter one is not Kafka.
	minRequestBytes = 10
	// socket.request.max.bytes of Apache Kafka.
	maxRequestBytes = 100 << 20
	// The pause after a failed accept: long enough not to spin while the
	// process has no file handle left.
	acceptPause = 50 * time.Millisecond
)

var errRefusedFrame = errors.New("refused request frame")

// guard stands between the network and kfake. kfake indexes a table with the
// key of a request and allocates its size unchecked, before authentication, so
// one bad frame ends the process; and it gives a port up on the first failed
// accept. Both are decided here, before kfake sees a byte.
type guard struct {
	net.Listener
	wrap    func(net.Conn) net.Conn // TLS, or nil
	closing *atomic.Bool
}

// Accept retries until the listener is closed: EMFILE passes.
func (g *guard) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		switch {
		case err == nil:
			if g.wrap != nil {
				c = g.wrap(c)
			}
			return &guardedConn{Conn: c, closing: g.closing}, nil
		case errors.Is(err, net.ErrClosed):
			return nil, err
		}
		time.Sleep(acceptPause)
	}
}

// guardedConn checks the header of each request, and mends two answers that
// kfake gives in its own way: the versions of SASLHandshake, and a failed
// authentication, which it answers by closing the connection.
type guardedConn struct {
	net.Conn
	closing *atomic.Bool

	// Used by kfake's one reading goroutine only.
	header [headerBytes]byte
	unread []byte // of header
	left   int    // of the request's body

	mu      sync.Mutex
	pending request // the last request seen that needs mending
}

type request struct {
	key, version int16
	correlation  int32
	open         bool
}

func (c *guardedConn) Read(p []byte) (int, error) {
	if len(c.unread) == 0 && c.left == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	if len(c.unread) > 0 {
		n := copy(p, c.unread)
		c.unread = c.unread[n:]
		return n, nil
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// next reads and judges the header of the next request.
func (c *guardedConn) next() error {
	if _, err := io.ReadFull(c.Conn, c.header[:]); err != nil {
		return err
	}
	size := int32(binary.BigEndian.Uint32(c.header[:4]))
	r := request{
		key:         int16(binary.BigEndian.Uint16(c.header[4:])),
		version:     int16(binary.BigEndian.Uint16(c.header[6:])),
		correlation: int32(binary.BigEndian.Uint32(c.header[8:])),
		open:        true,
	}
	if size < minRequestBytes || size > maxRequestBytes || kmsg.RequestForKey(r.key) == nil {
		return fmt.Errorf("%w: key %d, %d bytes", errRefusedFrame, r.key, size)
	}
	c.unread = c.header[:]
	c.left = int(size) - (headerBytes - 4)
	if r.key == kmsg.ApiVersions.Int16() || r.key == kmsg.SASLAuthenticate.Int16() {
		c.mu.Lock()
		c.pending = r
		c.mu.Unlock()
	}
	return nil
}

// Write passes a response on. kfake writes each with one call and takes the
// next request only afterwards, so the pending request is this one's.
func (c *guardedConn) Write(p []byte) (int, error) {
	r := c.take(p)
	if r.open && r.key == kmsg.ApiVersions.Int16() {
		if mended := offerHandshakeV0(r, p); mended != nil {
			if _, err := c.Conn.Write(mended); err != nil {
				return 0, err
			}
			return len(p), nil
		}
	}
	return c.Conn.Write(p)
}

// take returns the pending request when frame answers it.
func (c *guardedConn) take(frame []byte) request {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.pending
	if !r.open || len(frame) < 8 || int32(binary.BigEndian.Uint32(frame[4:])) != r.correlation {
		return request{}
	}
	c.pending = request{}
	return r
}

// Close says SASL_AUTHENTICATION_FAILED first when kfake closes instead of
// answering, as a real broker does: otherwise a wrong password would look like
// a broker that died.
func (c *guardedConn) Close() error {
	c.mu.Lock()
	r := c.pending
	c.pending = request{}
	c.mu.Unlock()
	if r.open && r.key == kmsg.SASLAuthenticate.Int16() && !c.closing.Load() {
		resp := kmsg.NewPtrSASLAuthenticateResponse()
		resp.SetVersion(r.version)
		refuse(resp, "Authentication failed during authentication due to invalid credentials")
		// The client may be gone already; the connection closes either way.
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = c.Conn.Write(frame(r.correlation, resp))
	}
	return c.Conn.Close()
}

// offerHandshakeV0 lowers the advertised minimum of SASLHandshake to 0.
// librdkafka offers no SASL at all to a broker whose minimum is 1. Nil means:
// nothing to mend.
func offerHandshakeV0(r request, p []byte) []byte {
	resp := kmsg.NewPtrApiVersionsResponse()
	resp.SetVersion(r.version)
	if err := resp.ReadFrom(p[8:]); err != nil || resp.ErrorCode != 0 {
		return nil
	}
	for i := range resp.ApiKeys {
		if k := &resp.ApiKeys[i]; k.ApiKey == kmsg.SASLHandshake.Int16() && k.MinVersion > 0 {
			k.MinVersion = 0
			return frame(r.correlation, resp)
		}
	}
	return nil
}

// frame encodes a response as it goes over the wire.
func frame(correlation int32, resp kmsg.Response) []byte {
	b := make([]byte, 8, 64)
	// ApiVersions keeps the old header, so that a client of any age can read
	// which versions it may use (KIP-511).
	if resp.IsFlexible() && resp.Key() != kmsg.ApiVersions.Int16() {
		b = append(b, 0)
	}
	b = resp.AppendTo(b)
	binary.BigEndian.PutUint32(b[:4], uint32(len(b)-4))
	binary.BigEndian.PutUint32(b[4:8], uint32(correlation))
	return b
}

func refuse(resp *kmsg.SASLAuthenticateResponse, text string) {
	resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
	resp.ErrorMessage = &text
}
