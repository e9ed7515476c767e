package dlt

import (
	"math"
	"math/bits"
)

// sketch counts distinct hashes: exactly while they are few, then by HyperLogLog with 16,384 registers, within about
// one per cent.
type sketch struct {
	exact map[uint64]struct{}
	reg   []uint8
}

const exactUpTo = 1024

func (s *sketch) add(h uint64) {
	if s.reg != nil {
		i := h >> 50
		if n := uint8(bits.LeadingZeros64(h<<14|1<<13)) + 1; n > s.reg[i] { // #nosec G115 -- at most 64
			s.reg[i] = n
		}
		return
	}
	if s.exact == nil {
		s.exact = map[uint64]struct{}{}
	}
	s.exact[h] = struct{}{}
	if len(s.exact) > exactUpTo {
		s.reg = make([]uint8, 1<<14)
		for v := range s.exact {
			s.add(v)
		}
		s.exact = nil
	}
}

func (s *sketch) count() (n int64, estimated bool) {
	if s.reg == nil {
		return int64(len(s.exact)), false
	}
	m := float64(len(s.reg))
	sum, zero := 0.0, 0.0
	for _, r := range s.reg {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			zero++
		}
	}
	e := 0.7213 / (1 + 1.079/m) * m * m / sum
	if e < 2.5*m && zero > 0 {
		e = m * math.Log(m/zero)
	}
	return int64(math.Round(e)), true
}

func mix(a, b, c uint64) uint64 {
	h := a*0x9e3779b97f4a7c15 ^ bits.RotateLeft64(b, 21)
	h = h*0xff51afd7ed558ccd ^ bits.RotateLeft64(c, 43)
	h ^= h >> 33
	return h * 0xc4ceb9fe1a85ec53
}
