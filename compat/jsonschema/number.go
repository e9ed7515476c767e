package jsonschema

import (
	"math/big"
	"slices"
)

// numberLeaf finds a number between bounds that is a multiple of some values and not
// of others.
func (s *solver) numberLeaf(st *state) outcome {
	fits := func(r *big.Rat) bool {
		if st.lo != nil {
			if c := r.Cmp(st.lo); c < 0 || (c == 0 && st.loEx) {
				return false
			}
		}
		if st.hi != nil {
			if c := r.Cmp(st.hi); c > 0 || (c == 0 && st.hiEx) {
				return false
			}
		}
		if st.notInteger && r.IsInt() {
			return false
		}
		for _, m := range st.notMultiples {
			if new(big.Rat).Quo(r, m).IsInt() {
				return false
			}
		}
		num, ok := number(r)
		if !ok {
			return false
		}
		_, taken := st.not[key(num)]
		return !taken
	}
	done := func(r *big.Rat) outcome {
		num, _ := number(r)
		return outcome{a: satisfiable, value: num}
	}
	avoid := st.notMultiples
	if st.notInteger {
		avoid = append(slices.Clone(avoid), big.NewRat(1, 1))
	}
	var step *big.Rat
	for _, m := range st.multiples {
		if m.Sign() == 0 {
			return outcome{a: unknown, reason: "multipleOf 0"}
		}
		step = lcm(step, new(big.Rat).Abs(m))
	}
	if step == nil {
		return s.denseNumber(st, avoid, fits, done)
	}
	period := big.NewInt(1)
	for _, m := range avoid {
		q := new(big.Rat).Quo(step, m)
		if q.IsInt() {
			return outcome{a: unsatisfiable}
		}
		// Every denominator-th multiple of step is a multiple of m.
		period = new(big.Int).Mul(period, new(big.Int).Div(q.Denom(), new(big.Int).GCD(nil, nil, period, q.Denom())))
	}
	var lo, hi *big.Int
	if st.lo != nil {
		q := new(big.Rat).Quo(st.lo, step)
		lo = ceil(q)
		if st.loEx && q.IsInt() {
			lo.Add(lo, big.NewInt(1))
		}
	}
	if st.hi != nil {
		q := new(big.Rat).Quo(st.hi, step)
		hi = floor(q)
		if st.hiEx && q.IsInt() {
			hi.Sub(hi, big.NewInt(1))
		}
	}
	if lo != nil && hi != nil && lo.Cmp(hi) > 0 {
		return outcome{a: unsatisfiable}
	}
	start := new(big.Int)
	if lo != nil && lo.Sign() > 0 {
		start.Set(lo)
	}
	if hi != nil && hi.Sign() < 0 {
		start.Set(hi)
	}
	const tries = 5000
	limit := tries
	if period.IsInt64() {
		limit = int(min(int64(tries), period.Int64()*int64(len(st.not)+2)))
	}
	up, down := true, true
	clean := false // some multiple avoids all of avoid
	for i := 0; i <= limit && (up || down); i++ {
		for _, sign := range []int64{1, -1} {
			if i == 0 && sign < 0 {
				continue
			}
			k := new(big.Int).Add(start, big.NewInt(sign*int64(i)))
			if (sign > 0 && hi != nil && k.Cmp(hi) > 0) || (sign < 0 && lo != nil && k.Cmp(lo) < 0) {
				if sign > 0 {
					up = false
				} else {
					down = false
				}
				continue
			}
			r := new(big.Rat).Mul(new(big.Rat).SetInt(k), step)
			if fits(r) {
				return done(r)
			}
			if !slices.ContainsFunc(avoid, func(m *big.Rat) bool { return new(big.Rat).Quo(r, m).IsInt() }) {
				clean = true
			}
		}
	}
	full := period.IsInt64() && int64(limit) >= period.Int64()
	if (!up && !down) || (full && !clean) {
		return outcome{a: unsatisfiable}
	}
	return outcome{a: unknown, reason: "too many excluded numbers"}
}

// denseNumber picks from an interval of real numbers.
func (s *solver) denseNumber(st *state, avoid []*big.Rat, fits func(*big.Rat) bool, done func(*big.Rat) outcome) outcome {
	if st.lo != nil && st.hi != nil && st.lo.Cmp(st.hi) == 0 {
		if fits(st.lo) {
			return done(st.lo)
		}
		return outcome{a: unsatisfiable}
	}
	// A decimal finer than every value to avoid is a multiple of none of them.
	fine := big.NewRat(1, 2)
	for _, m := range avoid {
		for new(big.Rat).Quo(fine, m).IsInt() || fine.Cmp(m) >= 0 {
			fine = new(big.Rat).Quo(fine, big.NewRat(10, 1))
		}
	}
	one := big.NewRat(1, 1)
	var base []*big.Rat
	add := func(r *big.Rat) { base = append(base, r) }
	for _, i := range []int64{0, 1, -1, 2, 3, 5, 10, 100} {
		add(big.NewRat(i, 1))
	}
	if st.lo != nil {
		add(st.lo)
		add(new(big.Rat).SetInt(ceil(st.lo)))
		add(new(big.Rat).Add(new(big.Rat).SetInt(floor(st.lo)), one))
		add(new(big.Rat).Add(st.lo, one))
	}
	if st.hi != nil {
		add(st.hi)
		add(new(big.Rat).SetInt(floor(st.hi)))
		add(new(big.Rat).Sub(new(big.Rat).SetInt(ceil(st.hi)), one))
		add(new(big.Rat).Sub(st.hi, one))
	}
	if st.lo != nil && st.hi != nil {
		width := new(big.Rat).Sub(st.hi, st.lo)
		for fine.Cmp(width) >= 0 {
			fine = new(big.Rat).Quo(fine, big.NewRat(10, 1))
		}
		add(new(big.Rat).Add(st.lo, new(big.Rat).Quo(width, big.NewRat(2, 1))))
	}
	for _, r := range base {
		if fits(r) {
			return done(r)
		}
	}
	for _, r := range base {
		for range 3 + len(st.not) {
			for _, x := range []*big.Rat{new(big.Rat).Add(r, fine), new(big.Rat).Sub(r, fine)} {
				if fits(x) {
					return done(x)
				}
			}
			fine = new(big.Rat).Quo(fine, big.NewRat(10, 1))
			if len(fine.Denom().Bytes()) > 200 {
				return outcome{a: unknown, reason: "too many excluded numbers"}
			}
		}
	}
	return outcome{a: unknown, reason: "too many excluded numbers"}
}

func lcm(a, b *big.Rat) *big.Rat {
	if a == nil {
		return b
	}
	g := new(big.Int).GCD(nil, nil, a.Num(), b.Num())
	n := new(big.Int).Mul(a.Num(), new(big.Int).Div(b.Num(), g))
	return new(big.Rat).SetFrac(n, new(big.Int).GCD(nil, nil, a.Denom(), b.Denom()))
}

func floor(r *big.Rat) *big.Int {
	q, m := new(big.Int), new(big.Int)
	q.DivMod(r.Num(), r.Denom(), m) // Euclidean: the denominator is positive
	return q
}

func ceil(r *big.Rat) *big.Int {
	f := floor(r)
	if !r.IsInt() {
		f.Add(f, big.NewInt(1))
	}
	return f
}
