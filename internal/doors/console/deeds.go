package console

import (
	"fmt"
	"net/url"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
)

func query(pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return q.Encode()
}

func lookup(t token.Token) store.Lookup {
	return store.Lookup{Serial: t.Identity.Serial, Type: t.Identity.Type, Manufacturer: &t.Identity.Manufacturer,
		KeyID: &t.Identity.KeyID}
}

func verifyForm(v *visit, _ token.Token) form {
	f := form{Means: "A right code is used up.", Submit: "Verify",
		Codes: []look.Field{{ID: "otp", Label: "One-time password", Max: 14, Required: true}}}
	if v.may(authz.VerifyWide) {
		f.Checks = []option{{Value: "further", Label: "Search further ahead"}}
	}
	return f
}

func (v *visit) verify(t token.Token) (*look.Note, string, error) {
	wide := v.r.PostForm.Get("further") != ""
	if wide && !v.may(authz.VerifyWide) {
		return nil, "", v.forbidden(authz.VerifyWide)
	}
	verdict, err := v.cfg.Verifier.Explain(v.r.Context(), codes.Request{Lookup: lookup(t), OTP: v.r.PostForm.Get("otp"),
		Wide: wide, MayList: true, Origin: v.origin()})
	if err != nil {
		return nil, "", err
	}
	v.cfg.Rest.Verified(verdict.Valid)
	if verdict.Valid {
		return &look.Note{Tone: look.Good, What: "Valid", Means: "The code is right, and is used up now."}, "", nil
	}
	n, next := refusal(verdict, t)
	return &n, next, nil
}

func stateForm(v *visit, t token.Token) form {
	f := form{Radio: "state", Legend: "Status", Submit: "Change the status",
		Fields: []look.Field{{ID: "reason", Label: "Reason", Hint: "It stands in the log", Max: tokens.MaxReason}}}
	for s := token.Valid; s <= token.RevokedOther; s++ {
		if s == token.RevokedLost || v.may(authz.TokenState) {
			f.Radios = append(f.Radios, option{Value: s.String(), Label: stateWords[s].Word, Chosen: s == t.Condition.State})
		}
	}
	return f
}

func (v *visit) setState(t token.Token) (*look.Note, string, error) {
	state, err := token.ParseState(v.r.PostForm.Get("state"))
	if err != nil {
		return nil, "", fault.New(fault.Invalid, "state", "Choose a status.")
	}
	if state != token.RevokedLost && !v.may(authz.TokenState) {
		return nil, "", v.forbidden(authz.TokenState)
	}
	_, err = v.cfg.Lifecycle.SetState(v.r.Context(), v.asSeen(t), state, v.posted("reason"), v.origin())
	return nil, "", err
}

func resyncForm(_ *visit, t token.Token) form {
	f := form{Means: "Two codes in a row tell where the token is. Both are used up.", Submit: "Resynchronize",
		Codes: []look.Field{{ID: "otp1", Label: "OTP 1", Max: 14, Required: true},
			{ID: "otp2", Label: "OTP 2", Hint: "The code after it", Max: 14, Required: true}}}
	if t.Spec.Period == 0 {
		f.Fields = []look.Field{{ID: "counter", Label: "Counter", Hint: "Where the search begins", Type: "number",
			Value: fmt.Sprint(t.Condition.Next), Required: true}}
	}
	return f
}

func (v *visit) resync(t token.Token) (*look.Note, string, error) {
	r := codes.ResyncRequest{Lookup: lookup(t), OTP1: v.r.PostForm.Get("otp1"), OTP2: v.r.PostForm.Get("otp2"),
		Origin: v.origin()}
	if text := v.posted("counter"); text != "" && t.Spec.Period == 0 {
		var n uint64
		if _, err := fmt.Sscanf(text, "%d", &n); err != nil {
			return nil, "", fault.New(fault.Invalid, "counter", "A counter is a number.")
		}
		if n != t.Condition.Next {
			r.Counter = &n
		}
	}
	valid, err := v.cfg.Verifier.Resync(v.r.Context(), r)
	if err != nil || valid {
		return nil, "", err
	}
	return &look.Note{Tone: look.Warning, What: "Not found: the two codes are not in a row, or out of reach",
		Means: "It counts as one wrong code. Press the button twice, and type both codes in their order."}, "", nil
}

func unlockForm(_ *visit, t token.Token) form {
	return form{Submit: "Unlock", Means: "The count of wrong codes in a row is set from " +
		fmt.Sprint(t.Condition.Failures) + " to 0. The user’s own lock stays."}
}

func (v *visit) unlock(t token.Token) (*look.Note, string, error) {
	_, err := v.cfg.Lifecycle.Unlock(v.r.Context(), exactly(t), v.origin())
	return nil, "", err
}

func assignForm(*visit, token.Token) form {
	return form{Submit: "Assign", Fields: []look.Field{{ID: "user", Label: "User", Max: 128, Required: true}}}
}

func (v *visit) assign(t token.Token) (*look.Note, string, error) {
	_, err := v.cfg.Lifecycle.Assign(v.r.Context(), v.asSeen(t), v.r.PostForm.Get("user"), v.origin())
	return nil, "", err
}

func unassignForm(_ *visit, t token.Token) form {
	return form{Submit: "Unassign", Means: "The user " + t.OwnerName + " can no longer use this token."}
}

func (v *visit) unassign(t token.Token) (*look.Note, string, error) {
	_, err := v.cfg.Lifecycle.Unassign(v.r.Context(), v.asSeen(t), v.origin())
	return nil, "", err
}

func replaceForm(_ *visit, t token.Token) form {
	f := form{Radio: "state", Legend: "What became of this one", Submit: "Replace",
		Means: "The user " + t.OwnerName + " gets a token of stock, and this one is revoked and taken away.",
		Fields: []look.Field{{ID: "by", Label: "Serial number of the other token", Max: 128, Required: true},
			{ID: "reason", Label: "Reason", Hint: "It stands in the log", Max: tokens.MaxReason}}}
	if t.Kind == token.Software {
		f.Means = "The user " + t.OwnerName + " gets another token, and this one is revoked and taken away."
		f.Fields[0].Required, f.Fields[0].Hint = false, "A hardware token in stock; empty makes a new software token"
	}
	for s := token.RevokedLost; s <= token.RevokedOther; s++ {
		f.Radios = append(f.Radios, option{Value: s.String(), Label: stateWords[s].Word, Chosen: s == token.RevokedLost})
	}
	return f
}

// replaced does what the form of a replacement asks.
func (v *visit) replaced(t token.Token) (lifecycle.Replacement, error) {
	state, err := token.ParseState(v.r.PostForm.Get("state"))
	if err != nil {
		return lifecycle.Replacement{}, fault.New(fault.Invalid, "state", "Choose what became of the token.")
	}
	return v.cfg.Lifecycle.Replace(v.r.Context(), lifecycle.ReplaceRequest{Selector: v.asSeen(t), By: v.posted("by"),
		State: state, Reason: v.posted("reason"), Origin: v.origin()})
}

func (v *visit) replace(t token.Token) (*look.Note, string, error) {
	if v.posted("by") == "" {
		return nil, "", fault.New(fault.Invalid, "by", "Enter the serial number of a token in stock.")
	}
	_, err := v.replaced(t)
	return nil, "", err
}

// replaceSoftware shows a new software token, or says that the token of stock is the user's.
func (v *visit) replaceSoftware(t token.Token) error {
	r, err := v.replaced(t)
	switch {
	case err != nil:
		return err
	case r.New.Token.Kind == token.Hardware:
		a, _ := actionOf("replace")
		v.acted(a, t)
	default:
		v.showCreated("Replaced", lifecycle.Creation{Tokens: []lifecycle.Created{r.New}})
	}
	return nil
}

func datesForm(v *visit, t token.Token) form {
	zone := "Times are in " + v.cfg.Now().Local().Format("MST") + ", the zone of the server; empty is none"
	return form{Submit: "Change the dates", Fields: []look.Field{
		{ID: "from", Label: "Valid from", Hint: zone, Type: "datetime-local", Value: fieldTime(t.Condition.NotBefore)},
		{ID: "until", Label: "Valid until", Hint: "It takes codes before this time only", Type: "datetime-local",
			Value: fieldTime(t.Condition.NotAfter)}}}
}

func (v *visit) setDates(t token.Token) (_ *look.Note, _ string, err error) {
	var r lifecycle.DatesRequest
	for _, d := range []struct {
		name   string
		before time.Time
		to     **time.Time
	}{{"from", t.Condition.NotBefore, &r.From}, {"until", t.Condition.NotAfter, &r.Until}} {
		if *d.to, err = v.date(d.name, d.before); err != nil {
			return nil, "", err
		}
	}
	if r.From == nil && r.Until == nil {
		return nil, "", fault.New(fault.Invalid, "dates", "Both dates are as they were.")
	}
	_, err = v.cfg.Lifecycle.SetDates(v.r.Context(), v.asSeen(t), r, v.origin())
	return nil, "", err
}

func deleteForm(*visit, token.Token) form {
	return form{Submit: "Delete", Danger: true, Means: "The token and its secret are gone for good. To use it again, it has " +
		"to be imported again; its used codes stay used."}
}

func (v *visit) deleteToken(t token.Token) (*look.Note, string, error) {
	_, err := v.cfg.Lifecycle.Delete(v.r.Context(), v.asSeen(t), v.origin())
	return nil, "", err
}
