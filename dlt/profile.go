package dlt

import (
	"errors"
	"fmt"
)

// Profile is a dialect of the user's own, from `dlt.dialects` in weir.yaml: which headers a team writes and how the
// numbers in them are encoded.
type Profile struct {
	Name      string       `yaml:"name" json:"name"`
	Topic     ProfileField `yaml:"topic" json:"topic"`
	Partition ProfileField `yaml:"partition" json:"partition"`
	Offset    ProfileField `yaml:"offset" json:"offset"`
	Timestamp ProfileField `yaml:"timestamp" json:"timestamp"`
	Group     ProfileField `yaml:"group" json:"group"`
	Reason    ProfileField `yaml:"reason" json:"reason"`
	Class     ProfileField `yaml:"class" json:"class"`
	Trace     ProfileField `yaml:"stacktrace" json:"stacktrace"`
	Attempts  ProfileField `yaml:"attempts" json:"attempts"`
	Strip     []string     `yaml:"strip" json:"strip"`               // further headers to remove before a replay
	Newest    string       `yaml:"newest" json:"newest"`             // last (default) or first
	Time      string       `yaml:"timestamp_is" json:"timestamp_is"` // death (default) or origin
}

// ProfileField is one header of a profile.
type ProfileField struct {
	Header   string   `yaml:"header" json:"header"`
	Encoding Encoding `yaml:"encoding" json:"encoding"` // text, int32, int64, big-endian, attempts; default guess
}

// Check returns why the profile cannot be used.
func (p Profile) Check() error {
	_, err := p.dialect()
	return err
}

func (p Profile) dialect() (dialect, error) {
	if p.Name == "" {
		return dialect{}, errors.New("dlt dialect: a name is missing")
	}
	row := dialect{name: p.Name, timestamp: "death", attempts: attemptsDelivery}
	var have []role
	add := func(f ProfileField, r role, counted bool) error {
		if f.Header == "" {
			return nil
		}
		enc := f.Encoding
		switch enc {
		case "":
			if counted {
				enc = Guess
			}
		case Text, Int32, Int64, BigEndian, Attempts, Guess:
		default:
			return fmt.Errorf("dlt dialect %q: header %q: unknown encoding %q: use text, int32, int64, big-endian or guess", p.Name, f.Header, enc)
		}
		row.fields = append(row.fields, field{f.Header, r, enc})
		have = append(have, r)
		return nil
	}
	for _, f := range []struct {
		f       ProfileField
		r       role
		counted bool
	}{
		{p.Topic, rTopic, false},
		{p.Partition, rPartition, true},
		{p.Offset, rOffset, true},
		{p.Timestamp, rTimestamp, true},
		{p.Group, rGroup, false},
		{p.Reason, rMessage, false},
		{p.Class, rClass, false},
		{p.Trace, rTrace, false},
		{p.Attempts, rAttempts, true},
	} {
		if err := add(f.f, f.r, f.counted); err != nil {
			return dialect{}, err
		}
	}
	for _, s := range p.Strip {
		row.fields = append(row.fields, field{s, rStrip, ""})
	}
	if len(have) < 2 {
		return dialect{}, fmt.Errorf("dlt dialect %q: name at least two headers: one alone proves nothing", p.Name)
	}
	for i, a := range have {
		for _, b := range have[i+1:] {
			row.require = append(row.require, roles(a, b))
		}
	}
	switch p.Newest {
	case "", "last":
	case "first":
		row.newest = newestFirst
	default:
		return dialect{}, fmt.Errorf("dlt dialect %q: newest: want last or first, have %q", p.Name, p.Newest)
	}
	switch p.Time {
	case "", "death":
	case "origin":
		row.timestamp = "origin"
	default:
		return dialect{}, fmt.Errorf("dlt dialect %q: timestamp_is: want death or origin, have %q", p.Name, p.Time)
	}
	return row, nil
}
