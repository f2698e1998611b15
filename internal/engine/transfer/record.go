package transfer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/tokens"
	"ostiary/pskc"
)

// What a server knows of a token beside RFC 6030, by the names that it has in
// the record of an exported key.
const (
	recordType     = "type"
	recordKeyID    = "key_id" // in the file a Key always has an Id, here it may be empty
	recordState    = "state"
	recordReason   = "state_reason"
	recordOwner    = "owner"
	recordNext     = "next" // lowest counter or time step still acceptable
	recordDrift    = "drift"
	recordFailures = "failures"
	recordT0       = "time_zero" // where TOTP steps begin, unix seconds
	recordLastUsed = "last_used"
	recordLabel    = "label"
	RecordUnshown  = "unshown"   // "yes" for one whose secret was not shown to its user yet
	RecordMove     = "move"      // see move.go
	recordUnproven = "unproven"  // "yes" for a software token whose first code is still to come
	recordTwoCodes = "two_codes" // "yes" for a token that takes no code before two in a row (token.TwoCodes)
)

const maxT0 = 1 << 40 // seconds

// Key gives a token as a key of a file, without its secret.
func Key(t token.Token) *pskc.Key {
	c := t.Condition
	// One that was learned when there was no bound could not be read anywhere.
	fenced := c.Fenced()
	if c.Drift = min(max(c.Drift, -token.MaxDrift), token.MaxDrift); fenced {
		c.Drift = 0
	}
	k := &pskc.Key{ID: t.Identity.KeyID, Kind: pskc.Kind(t.Spec.Algorithm), Manufacturer: t.Identity.Manufacturer,
		Serial: t.Identity.Serial,
		Model:  t.Model, Issuer: t.Issuer, Hash: t.Spec.Hash, NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		KeyUserID:   t.OwnerName,
		HasResponse: true, Response: pskc.ResponseFormat{Encoding: "DECIMAL", Length: t.Spec.Digits}}
	if k.ID == "" {
		k.ID = k.Serial
	}
	if strings.Trim(k.Serial, " ") != k.Serial {
		// It came as a key id without a serial number: elements do not keep such blanks.
		k.ID, k.Serial = k.Serial, ""
	}
	switch t.Spec.Algorithm {
	case token.TOTP:
		k.Interval, k.HasInterval = uint64(t.Spec.Period), true
		k.Drift, k.HasDrift = c.Drift, c.Drift != 0
	case token.OCRA:
		k.Suite = t.Spec.Suite
		k.Counter, k.HasCounter = c.Next, true
	default:
		k.Counter, k.HasCounter = c.Next, true
	}
	add := func(name, value string) { k.Record = append(k.Record, pskc.Property{Name: name, Value: value}) }
	add(recordType, t.Identity.Type)
	add(recordKeyID, t.Identity.KeyID)
	add(recordState, c.State.String())
	add(recordNext, strconv.FormatUint(c.Next, 10))
	add(recordDrift, strconv.FormatInt(c.Drift, 10))
	add(recordFailures, strconv.Itoa(c.Failures))
	for _, p := range []struct {
		name, value string
		there       bool
	}{
		{recordReason, t.StateReason, t.StateReason != ""}, {recordOwner, t.OwnerName, t.OwnerName != ""},
		{recordT0, strconv.FormatInt(t.Spec.T0, 10), t.Spec.T0 != 0},
		{recordLabel, t.Label, t.Label != ""}, {recordUnproven, "yes", !c.Proven()},
		{recordTwoCodes, "yes", fenced},
		{recordLastUsed, c.LastUsed.UTC().Format(time.RFC3339Nano), !c.LastUsed.IsZero()},
	} {
		if p.there {
			add(p.name, p.value)
		}
	}
	return k
}

// Said is what a record says beside the token itself.
type Said struct {
	Owner   string
	Passage Passage // the move that the key is part of, if it is
	Unshown bool    // its secret is still to be shown to its user, by a link
}

// Apply takes over what another server knew of a token. A property that
// is not known here is refused: it may be a reason against the token.
// activated says that its secret comes from an activation: then it may be PENDING with
// an epoch, as its device was unbound.
func Apply(t *token.Token, record []pskc.Property, activated bool) (said Said, err error) {
	c, fenced := &t.Condition, false
	for _, p := range record {
		switch p.Name {
		case recordType:
			t.Identity.Type = p.Value
		case recordKeyID:
			t.Identity.KeyID = p.Value
		case recordState:
			c.State, err = token.ParseState(p.Value)
		case recordReason:
			t.StateReason, err = p.Value, tokens.CheckText("state reason", p.Value, tokens.MaxReason)
		case recordOwner:
			said.Owner = p.Value
		case recordNext:
			if c.Next, err = strconv.ParseUint(p.Value, 10, 64); err == nil && c.Next > token.MaxCounter {
				err = fmt.Errorf("the counter is above %d", uint64(token.MaxCounter))
			}
		case recordDrift:
			c.Drift, err = strconv.ParseInt(p.Value, 10, 64)
		case recordFailures:
			if c.Failures, err = strconv.Atoi(p.Value); err == nil && c.Failures < 0 {
				err = fmt.Errorf("a negative number of failures")
			}
		case recordT0:
			if t.Spec.T0, err = strconv.ParseInt(p.Value, 10, 64); err == nil &&
				(t.Spec.T0 < -maxT0 || t.Spec.T0 > maxT0) {
				err = fmt.Errorf("it is more than %d seconds away from 1970", int64(maxT0))
			}
		case RecordUnshown:
			if said.Unshown = p.Value == "yes"; !said.Unshown {
				err = errors.New("it must be yes")
			}
		case RecordMove:
			said.Passage, err = parsePassage(p.Value)
		case recordLabel:
			t.Label, err = p.Value, tokens.CheckText("label", p.Value, tokens.MaxText)
		case recordUnproven:
			if p.Value != "yes" {
				err = errors.New("it must be yes")
			}
			c.Epoch = 0
		case recordTwoCodes:
			if fenced = p.Value == "yes" && t.Spec.Algorithm == token.HOTP; !fenced {
				err = errors.New("it must be yes, and only for a HOTP token")
			}
		case recordLastUsed:
			c.LastUsed, err = time.Parse(time.RFC3339Nano, p.Value)
		default:
			return Said{}, fmt.Errorf(
				"its record has a property %q, which this server does not know; a newer server wrote it", p.Name)
		}
		if err != nil {
			return Said{}, fmt.Errorf("its record has a wrong %s: %w", p.Name, err)
		}
	}
	if fenced {
		c.Drift = token.TwoCodes
	}
	if said.Unshown && c.State != token.Pending {
		return Said{}, errors.New("its record says that its secret was not shown yet, but that it is not PENDING")
	}
	if c.State == token.Pending && c.Proven() && !activated {
		return Said{}, errors.New("its record says that it is both PENDING and confirmed")
	}
	return said, nil
}
