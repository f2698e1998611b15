package console

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
	"ostiary/internal/store"
)

// logged is what pages tell of an entry of the log.
type logged struct {
	Time                           time.Time
	Action, Outcome, Reason, Actor string
	Subject                        struct{ User, Serial string }
}

// entries reads a page of the log.
func (v *visit) entries(f audit.Filter) (all []logged, next int64, err error) {
	before, _ := strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64)
	var rows []store.AuditRow
	if err := v.cfg.Rest.Turn(v.r.Context(), v.session.Principal, func(ctx context.Context) (err error) {
		rows, next, err = v.cfg.Ledger.List(ctx, f, max(before, 0), historyPage)
		return err
	}); err != nil {
		return nil, 0, err
	}
	for _, row := range rows {
		var e logged
		if err := json.NewDecoder(bytes.NewReader(row.Entry)).Decode(&e); err != nil {
			return nil, 0, err
		}
		all = append(all, e)
	}
	return all, next, nil
}

// activity is what the log has of a user.
type activity struct {
	Entries      []deed
	Serials      bool
	Older, Close string
}

// deed is an entry in words.
type deed struct {
	At                  moment
	What, Actor, Serial string
}

func (v *visit) activity() {
	u, ok := v.findUser()
	if !ok {
		return
	}
	found, next, err := v.entries(audit.Filter{User: u.Name})
	if err != nil {
		v.fail(err)
		return
	}
	a := activity{Close: v.userAt(u.Name), Serials: v.may(authz.AuditSerials)}
	for _, e := range found {
		d := deed{At: at(e.Time), What: e.words(), Actor: e.Actor}
		if a.Serials {
			d.Serial = e.Subject.Serial
		}
		a.Entries = append(a.Entries, d)
	}
	if next > 0 {
		a.Older = v.userAt(u.Name) + "/activity?" + query("before", strconv.FormatInt(next, 10))
	}
	v.show(look.Page{Name: "activity", Title: "Activity · " + u.Name, Dialog: true, Body: a})
}

// actionWords say what an entry of a user or a token tells, for actions that happen often.
var actionWords = map[audit.Action]string{
	audit.CodeVerified: "A code was checked", audit.TokenConfirmed: "The first code was checked",
	audit.TokenResynced: "Two codes were checked to resynchronize", audit.TokenCreated: "A software token was created",
	audit.TokenAssigned: "A token was assigned", audit.TokenUnassigned: "A token was taken away",
	audit.TokenStateChanged: "The state of a token was changed", audit.TokenDatesSet: "The dates of a token were changed",
	audit.TokenLabelled: "The label of a token was changed", audit.TokenReplaced: "A token was replaced",
	audit.TokenUnlocked: "A token was unlocked", audit.TokenDeleted: "A token was deleted",
	audit.TokenUnbound:      "The device of a token was ended for good",
	audit.EnrolmentRenewed:  "A new enrolment link was made",
	audit.EnrolmentShown:    "The key was shown to who opened the link",
	audit.ActivationStarted: "An activation was begun", audit.ActivationTaken: "A device took the activation",
	audit.ActivationConfirmed: "The first code of the device was checked",
	audit.ActivationEnded:     "An activation ended without a device",
	audit.ActivationReset:     "The counts of activations were reset",
	audit.UserAdded:           "The user was added", audit.UserRenamed: "The user got another name",
	audit.UserUnlocked: "The user was unlocked", audit.CodesIssued: "Temporary codes were issued",
	audit.CodesRevoked: "The temporary codes were revoked",
}

// refusedWords say why a code was refused.
var refusedWords = map[token.Reason]string{
	token.Wrong: "wrong code", token.Replayed: "the code was used before", token.OutOfWindow: "out of the window",
	token.TooOld: "too old", token.Malformed: "not as many digits as the token shows", token.Locked: "the token is locked",
	token.Delayed: "too soon after a wrong code", token.Revoked: "the token is not in use",
	token.NotYetValid: "before the token’s first day", token.Expired: "after the token’s last day",
	token.Unassigned: "the user has no token", token.UserLocked: "the user is locked",
	token.UserDelayed: "the user tried again too soon", token.ClientLocked: "too many wrong codes from there",
	token.NotProven: "the token waits for its first code", token.OnItsWay: "the token is moving",
	token.NeedsTwo: "two codes in a row are needed", token.NotConsecutive: "the codes are not in a row, or out of reach",
}

// words say what an entry tells.
func (e logged) words() string {
	what, ok := actionWords[audit.Action(e.Action)]
	if !ok {
		if what = audit.Action(e.Action).Tells(); what == "" {
			what = e.Action
		}
		what = strings.ToUpper(what[:1]) + what[1:]
	}
	reason := e.Reason
	if words, ok := refusedWords[token.Reason(reason)]; ok && e.Outcome == string(audit.Refused) {
		reason = words
	}
	switch {
	case e.Outcome == string(audit.Accepted):
		return what + ": accepted"
	case e.Outcome == string(audit.Refused) && reason != "":
		return what + ": refused, " + reason
	case e.Outcome == string(audit.Refused):
		return what + ": refused"
	case reason != "":
		return what + ": " + reason
	}
	return what
}
