package term

import (
	"fmt"
	"strconv"
	"time"
)

// Int renders a count: grouped digits for people, plain digits for programs.
func (p *Page) Int(n int64) string {
	s := strconv.FormatInt(n, 10)
	if !p.People {
		return s
	}
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Bytes renders a size: binary units for people, bytes for programs.
func (p *Page) Bytes(n int64) string {
	if !p.People {
		return strconv.FormatInt(n, 10)
	}
	const unit = 1024
	if n < unit {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, i := float64(n)/unit, 0
	for ; f >= unit && i < 4; i++ {
		f /= unit
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + [...]string{"KiB", "MiB", "GiB", "TiB", "PiB"}[i]
}

// Time renders a moment: an age relative to now for people, RFC 3339 in UTC for
// programs; the zero time is "-".
func (p *Page) Time(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	if !p.People {
		return t.UTC().Format(time.RFC3339)
	}
	if t.After(now) {
		return "in " + Duration(t.Sub(now))
	}
	return Duration(now.Sub(t)) + " ago"
}

// Duration renders d with its two largest units: 2m10s, 3h12m, 29d, 450ms.
func Duration(d time.Duration) string {
	if d < 0 {
		return "-" + Duration(-d)
	}
	const day = 24 * time.Hour
	switch {
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
	case d < time.Minute:
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	case d < time.Hour:
		return two(d, time.Minute, "m", time.Second, "s")
	case d < day:
		return two(d, time.Hour, "h", time.Minute, "m")
	case d < 10*day:
		return two(d, day, "d", time.Hour, "h")
	}
	return strconv.FormatInt(int64(d/day), 10) + "d"
}

func two(d, big time.Duration, b string, small time.Duration, s string) string {
	rest := d % big / small
	if rest == 0 {
		return strconv.FormatInt(int64(d/big), 10) + b
	}
	return fmt.Sprintf("%d%s%d%s", d/big, b, rest, s)
}

// ParseDuration reads a Go duration, with d for days and w for weeks as well:
// 90s, 5m, 36h, 7d, 1w2d.
func ParseDuration(s string) (time.Duration, error) {
	rest, total, any := s, time.Duration(0), false
	for rest != "" {
		i := 0
		for i < len(rest) && (rest[i] >= '0' && rest[i] <= '9' || rest[i] == '.') {
			i++
		}
		j := i
		for j < len(rest) && (rest[j] < '0' || rest[j] > '9') && rest[j] != '.' {
			j++
		}
		if i == 0 || j == i {
			break
		}
		var part time.Duration
		switch unit := rest[i:j]; unit {
		case "d", "w":
			n, err := strconv.ParseFloat(rest[:i], 64)
			if err != nil {
				return 0, badDuration(s)
			}
			hours := n * 24
			if unit == "w" {
				hours *= 7
			}
			if hours > 2e6 {
				return 0, badDuration(s)
			}
			part = time.Duration(hours * float64(time.Hour))
		default:
			var err error
			if part, err = time.ParseDuration(rest[:j]); err != nil {
				return 0, badDuration(s)
			}
		}
		if total += part; total < 0 {
			return 0, badDuration(s)
		}
		rest, any = rest[j:], true
	}
	if !any || rest != "" {
		return 0, badDuration(s)
	}
	return total, nil
}

func badDuration(s string) error {
	return fmt.Errorf("unreadable duration %q: write it like 90s, 5m, 36h or 7d", s)
}
