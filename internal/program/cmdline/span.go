package cmdline

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

const day = 24 * time.Hour

// errSpan says how a length of time is written.
var errSpan = errors.New("it must be a length of time such as 90s, 30m, 12h, 3d or 1d12h")

// ParseSpan reads a length of time as people write it: as Go does, and with days of 24
// hours before the rest. It is never negative.
func ParseSpan(text string) (time.Duration, error) {
	count, rest, found := strings.Cut(text, "d")
	if !found {
		count, rest = "0", text
	}
	days, err := strconv.ParseUint(count, 10, 32)
	if err != nil || days > uint64(math.MaxInt64/day) {
		return 0, errSpan
	}
	span := time.Duration(days) * day
	if found && rest == "" {
		return span, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more < 0 || strings.ContainsAny(rest, "+-") || span+more < span {
		return 0, errSpan
	}
	return span + more, nil
}

// FormatSpan writes what ParseSpan reads, without parts that are zero.
func FormatSpan(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	days := ""
	if n := d / day; n > 0 {
		if days = strconv.FormatInt(int64(n), 10) + "d"; d%day == 0 {
			return days
		}
	}
	rest := (d % day).String()
	if short := strings.TrimSuffix(rest, "m0s"); short != rest {
		rest = short + "m"
	}
	if short := strings.TrimSuffix(rest, "h0m"); short != rest {
		rest = short + "h"
	}
	return days + rest
}

// span is a flag that takes a length of time.
type span time.Duration

func (s *span) String() string { return FormatSpan(time.Duration(*s)) }
func (s *span) Type() string   { return "duration" }

func (s *span) Set(text string) error {
	d, err := ParseSpan(text)
	if err == nil {
		*s = span(d)
	}
	return err
}

// SpanVar defines a flag that takes a length of time, days among it.
func SpanVar(flags *pflag.FlagSet, to *time.Duration, name string, value time.Duration, usage string) {
	*to = value
	flags.Var((*span)(to), name, usage)
}
