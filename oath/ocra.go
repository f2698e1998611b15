package oath

import (
	"crypto/subtle"
	"encoding/binary"
	"math"
)

// Input is what goes into one OCRA computation (RFC 6287 section 5.1). A field
// the suite names must be set, one it does not name must be left zero: an input
// is refused rather than dropped, because a PIN or a session that silently counts
// for nothing is a hole. (Counter and Step 0 are ordinary values.)
type Input struct {
	// Counter is the counter of a C suite.
	Counter uint64

	// Question is the challenge being answered, or the text being signed. It has
	// at least one character and at most as many as the suite says; one that is
	// shorter is allowed (RFC 6287 section 6.3 says "up to").
	//
	// The encoding follows RFC 6287 appendix A. In format A each character is
	// printable ASCII and goes in as a byte. In format H each is a hexadecimal
	// digit of either case and goes in as half a byte. In format N the decimal
	// digits are one number, which goes in as hexadecimal digits without leading
	// zeros. All are filled up with zeros on the right to 128 bytes. So the
	// questions "1" and "01" of format N have one response, as have "a" and "a0"
	// of format H: check a response against a question you issued yourself, of a
	// fixed length.
	Question string

	// Own is set in a mutual exchange only (RFC 6287 section 7.2). It is the
	// challenge that the party making this response has itself put to the other;
	// its text follows Question's, under the same rules. So in the server's
	// response Question is the client's challenge and Own the server's, and in
	// the client's response the other way round, whoever computes it.
	Own string

	// PIN is the text of the PIN, which is hashed as the suite says; or else
	// PINHash is that hash ready made. One of the two in a P suite.
	PIN     Secret
	PINHash Secret

	// Session is the session information of an S suite, one byte at least. What
	// is shorter than the suite says is filled up with zeros on the left, as in
	// the program of RFC 6287 appendix A.
	Session []byte

	// Step is the number of the time step of a T suite, see Suite.TimeStep.
	Step uint64
}

// Match says where Suite.Find found a response.
type Match struct {
	Counter uint64 // 0 in a suite without C
	Step    uint64 // 0 in a suite without T
}

// TimeStep returns the number of the time step a moment lies in, for Input.Step:
// seconds since 1970-01-01 UTC by the suite's period, rounded down (RFC 6287
// section 5.1). A suite without T is ErrSuite, a moment before 1970 ErrTime.
func (s Suite) TimeStep(unix int64) (uint64, error) {
	if !s.valid() || s.Period == 0 {
		return 0, &detail{ErrSuite, "has no time step"}
	}
	return Step(unix, s.Period, 0)
}

// Response computes the response to a question (RFC 6287 section 5): decimal
// digits, or with Digits 0 the HMAC in lower-case hexadecimal. It serves all
// modes: one-way challenge and response, each side of the mutual one, and the
// plain signature. The error is ErrSuite, ErrInput, ErrKeyLength or ErrHash.
func (s Suite) Response(key []byte, in Input) (string, error) {
	c, err := s.newComputation(key, &in)
	if err != nil {
		return "", err
	}
	defer c.wipe()
	return string(c.response(in.Counter, in.Step)), nil
}

// Find checks a response over a window: the counters in.Counter, in.Counter+1, …,
// so many as counters says, and the time steps from in.Step on, so many as steps
// says. It returns the lowest counter that fits, and the lowest step with it. A
// suite without C has no window of counters, and one without T none of steps: the
// number is not looked at. Otherwise one below 1 makes the window empty. Neither
// end of the window wraps around.
//
// The search takes counters times steps computations, always all of them, and
// compares in constant time. A response of another form or length is not found.
//
// Find remembers nothing. A suite with neither C nor T gives the same response to
// the same question for ever: issue each question once.
func (s Suite) Find(key []byte, in Input, response string, counters, steps int) (Match, bool, error) {
	c, err := s.newComputation(key, &in)
	if err != nil {
		return Match{}, false, err
	}
	defer c.wipe()
	if !s.Counter {
		counters = 1
	}
	if s.Period == 0 {
		steps = 1
	}
	given := []byte(response)
	stepWindow := clip(in.Step, steps, math.MaxUint64)
	var at Match
	var seen uint64 // all ones from the first match on
	for i := range clip(in.Counter, counters, math.MaxUint64) {
		for j := range stepWindow {
			counter, step := in.Counter+i, in.Step+j
			same := subtle.ConstantTimeCompare(c.response(counter, step), given)
			hit := -uint64(same)
			at.Counter |= counter & hit &^ seen
			at.Step |= step & hit &^ seen
			seen |= hit
		}
	}
	return at, seen != 0, nil
}

// computation is one input laid out as the message of RFC 6287 section 5.1, with
// the keyed HMAC. Only the counter and the time step change within a window.
type computation struct {
	suite   Suite
	mac     mac
	msg     []byte
	counter []byte // the place of C in msg, nil without
	step    []byte // the place of T in msg, nil without
	sum     [maxSize]byte
	text    [2 * maxSize]byte
}

func (s Suite) newComputation(key []byte, in *Input) (*computation, error) {
	if !s.valid() {
		return nil, ErrSuite
	}
	if s.PIN != 0 {
		if err := s.PIN.check(); err != nil {
			return nil, err
		}
	}
	c := &computation{suite: s}
	if reason := c.layOut(in); reason != "" {
		c.wipe()
		return nil, &detail{ErrInput, reason}
	}
	if err := c.mac.init(key, s.Hash); err != nil {
		c.wipe()
		return nil, err
	}
	return c, nil
}

// layOut builds the message; the order is that of RFC 6287 section 5.1.
func (c *computation) layOut(in *Input) (reason string) {
	s := c.suite
	// The room is reserved at once: append must not leave copies of a PIN behind.
	const room = maxSuite + 1 + 8 + questionSize + maxSize + maxSession + 8
	c.msg = append(s.appendTo(make([]byte, 0, room)), 0)
	if s.Counter {
		n := len(c.msg)
		c.msg = append(c.msg, make([]byte, 8)...)
		c.counter = c.msg[n:]
	} else if in.Counter != 0 {
		return "counter in a suite without C"
	}

	var question [questionSize]byte
	if reason := s.encodeQuestion(&question, in.Question, in.Own); reason != "" {
		return reason
	}
	c.msg = append(c.msg, question[:]...)

	if c.msg, reason = s.appendPIN(c.msg, in); reason != "" {
		return reason
	}

	n := len(in.Session)
	switch {
	case s.Session == 0 && n != 0:
		return "session information in a suite without S"
	case s.Session != 0 && n == 0:
		return "no session information"
	case n > s.Session:
		return "session information longer than the suite says"
	}
	c.msg = append(c.msg, make([]byte, s.Session-n)...)
	c.msg = append(c.msg, in.Session...)

	if s.Period != 0 {
		n := len(c.msg)
		c.msg = append(c.msg, make([]byte, 8)...)
		c.step = c.msg[n:]
	} else if in.Step != 0 {
		return "time step in a suite without T"
	}
	return ""
}

// appendPIN appends the hash of the PIN.
func (s Suite) appendPIN(msg []byte, in *Input) (_ []byte, reason string) {
	pin, made := in.PIN.Bytes(), in.PINHash.Bytes()
	switch {
	case s.PIN == 0 && (len(pin) != 0 || len(made) != 0):
		return msg, "PIN in a suite without P"
	case s.PIN == 0:
		return msg, ""
	case len(pin) != 0 && len(made) != 0:
		return msg, "both a PIN and a PIN hash"
	case len(made) != 0 && len(made) != s.PIN.Size():
		return msg, "PIN hash of another length than the suite's"
	case len(made) != 0:
		return append(msg, made...), ""
	case len(pin) == 0:
		return msg, "no PIN"
	}
	return appendDigest(msg, s.PIN, pin), ""
}

// response computes one response; the slice is good until the next call.
func (c *computation) response(counter, step uint64) []byte {
	if c.counter != nil {
		binary.BigEndian.PutUint64(c.counter, counter)
	}
	if c.step != nil {
		binary.BigEndian.PutUint64(c.step, step)
	}
	sum := c.mac.appendSum(c.sum[:0], c.msg)
	if c.suite.Digits == 0 {
		return appendHex(c.text[:0], sum)
	}
	return appendDecimal(c.text[:0], truncate(sum), c.suite.Digits)
}

// wipe overwrites the keyed state, the message, which holds the PIN's hash, and the
// last response, which may not have been anybody's yet.
func (c *computation) wipe() {
	c.mac.wipe()
	clear(c.msg)
	clear(c.sum[:])
	clear(c.text[:])
}
