package console

import (
	"strconv"
	"strings"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/codes"
	"ostiary/internal/store"
)

// activationActions are those of software tokens alone, in the order of the menu.
func activationActions() []action {
	activated := func(t token.Token) bool { return t.Profile != "" }
	enrolled := func(t token.Token) bool { return t.Profile == "" && t.Condition.State == token.Pending }
	ready := func(t token.Token) bool {
		s := t.Condition.State
		return activated(t) && (s == token.Valid || s == token.Pending || s == token.RevokedLost)
	}
	all := []action{
		{verb: "activate", label: "Activate", needs: authz.ActivationStart, rest: "start-activation", fits: ready,
			form: activateForm, give: (*visit).activate},
		{verb: "letter", label: "Letter", needs: authz.ActivationStart, rest: "start-activation", fits: ready,
			stands: func(activations.Overview) bool { return true }, form: letterForm, give: (*visit).letter},
		{verb: "confirm", label: "Confirm", done: "The device is activated", needs: authz.ActivationConfirm,
			rest: "confirm-activation", fits: activated, stands: isOpen, form: confirmForm, do: (*visit).confirm},
		{verb: "cancel", label: "Cancel", done: "The activation is cancelled", needs: authz.ActivationStart,
			rest: "cancel-activation", fits: activated, stands: isOpen, form: cancelForm, do: (*visit).cancel},
		{verb: "reset", label: "Reset counts", done: "The counts begin anew", needs: authz.ActivationReset,
			rest: "reset-activation", fits: activated, stands: isCounted, form: resetForm, do: (*visit).reset},
		{verb: "unbind", label: "Unbind", done: "The device has ended for good", needs: authz.ActivationUnbind,
			rest: "unbind-token", fits: activated, stands: isLive, form: unbindForm, do: (*visit).unbind},
		{verb: "prove", label: "Prove", done: "The token is valid", needs: authz.TokenConfirm, rest: "confirm-token",
			fits: enrolled, form: proveForm, do: (*visit).prove},
		{verb: "link", label: "New link", needs: authz.TokenCreate, rest: "renew-enrolment", fits: enrolled,
			form: linkForm, give: (*visit).renew},
	}
	for i := range all {
		all[i].kind = token.Software
	}
	return all
}

// opened is the open activation of a token, if there is one.
func opened(o activations.Overview) (p activations.Past, ok bool) {
	if len(o.Activations) == 0 || o.Activations[0].Status != store.ActivationOpen {
		return p, false
	}
	return o.Activations[0], true
}

func isOpen(o activations.Overview) bool {
	_, ok := opened(o)
	return ok
}

func isCounted(o activations.Overview) bool {
	return o.Standing.Successes > 0 || o.Standing.Failures > 0 || !o.Standing.NextAt.IsZero()
}

func isLive(o activations.Overview) bool {
	for _, p := range o.Activations {
		if p.Live {
			return true
		}
	}
	return false
}

// stands is how the activations of a token stand, for its forms. They leave out what cannot
// be known now: the action itself says what is wrong.
func (v *visit) stands(t token.Token) activations.Overview {
	o, _ := v.cfg.Activations.Show(v.r.Context(), exactly(t))
	return o
}

var reasonChoices = []option{{Value: "", Label: "None: the first activation, or the same phone again"},
	{Value: string(activations.DeviceReplaced), Label: "A new phone"},
	{Value: string(activations.PINForgotten), Label: "The PIN is forgotten"},
	{Value: string(activations.DeviceLost), Label: "The phone is lost: its codes are refused from now on"}}

// reasonField asks why a token is activated again.
func reasonField(t token.Token) look.Select {
	s := look.Select{ID: "reason", Label: "Reason", Options: append([]option(nil), reasonChoices...)}
	if t.Condition.State == token.RevokedLost {
		choose(s.Options, string(activations.DeviceLost))
	}
	return s
}

var daysField = look.Field{ID: "days", Label: "Open for", Hint: "Days; empty: as the profile says", Type: "number"}

// counts says whether an app of a profile counts events, so that it needs to know where to begin.
func counts(p activation.Profile) bool {
	for _, a := range p.Applications {
		if a.Suite.Kind == activation.HOTP {
			return true
		}
	}
	return false
}

var ercCheck = option{Value: "erc", Label: "With an event counter code, also at the first activation"}

func activateForm(v *visit, t token.Token) form {
	o := v.stands(t)
	f := form{Radio: "route", Legend: "How it reaches the device", Submit: "Begin the activation",
		Means: "The device of before works until the new one is confirmed, unless it is lost.",
		Radios: []option{
			{Value: string(activations.Online), Label: "Online: the app fetches it by a registration code", Chosen: true},
			{Value: string(activations.QR), Label: "QR code: the app reads all of it"},
			{Value: string(activations.Offline), Label: "Codes: the user types them into the app"}},
		Selects: []look.Select{reasonField(t)}, Fields: []look.Field{daysField}}
	if _, ok := opened(o); ok {
		f.Means = "It ends the activation that is open now. " + f.Means
	}
	if o.Profile.Rules.Password {
		f.Fields = append(f.Fields, look.Field{ID: "password", Label: "Activation password",
			Hint: "Empty: one is drawn, and shown to you", Type: "password", Autocomplete: "new-password", Max: 64})
	}
	if counts(o.Profile) {
		f.Checks = []option{ercCheck}
	}
	return f
}

// begin begins an activation as a form asks.
func (v *visit) begin(t token.Token, route activations.Route) (activations.Started, error) {
	days, err := v.whole("days", "Open for", 365)
	if err != nil {
		return activations.Started{}, err
	}
	return v.cfg.Activations.Start(v.r.Context(), activations.Request{Token: exactly(t), Route: route,
		Reason: activations.Reason(v.posted("reason")), Password: v.r.PostForm.Get("password"),
		Expiry: time.Duration(days) * 24 * time.Hour, ERC: v.posted("erc") != "", By: v.session.Principal,
		Origin: v.origin()})
}

func (v *visit) activate(t token.Token) error {
	route := activations.Route(v.posted("route"))
	if route != activations.Online && route != activations.QR && route != activations.Offline {
		return fault.New(fault.Invalid, "route", "Choose how the activation reaches the device.")
	}
	s, err := v.begin(t, route)
	if err != nil {
		return err
	}
	h := handed{About: "An activation has begun. It is open until " + at(s.Expires).Text,
		Password: activation.Group(string(s.Password))}
	for _, w := range s.Warnings {
		h.Warnings = append(h.Warnings, look.Note{Tone: look.Warning, What: w})
	}
	h.add(v.started(s, route))
	toToken := look.Link{Label: "To the token", Href: v.tokenAt(t, "", "")}
	if h.Next = []look.Link{toToken}; route == activations.Online {
		h.Means = "The app confirms it by itself. The token’s page shows when a device has taken it."
	} else {
		h.Means = "The app then shows its first code. Confirm it here, or let the user do so."
		if v.may(authz.ActivationConfirm) {
			h.Next = []look.Link{{Label: "Confirm", Href: v.tokenAt(t, "confirm", "")}, toToken}
		}
	}
	v.hand("Activation", h)
	return nil
}

// started is what is handed out for an activation.
func (v *visit) started(s activations.Started, route activations.Route) (i item, err error) {
	i = item{Title: s.Token.Identity.Serial, Page: v.tokenAt(s.Token, "", "")}
	text, alt := string(s.QRBody), "QR code with the activation"
	switch route {
	case activations.Online:
		server := strings.TrimSuffix(v.cfg.PublicURL(), "/")
		i.Values = []value{{"Server", server}, {"Registration code", activation.Group(string(s.Registration.Text()))}}
		offer, err := s.Offer(server)
		if err != nil {
			return i, err
		}
		text, alt = string(offer), "QR code with the registration code"
	case activations.Offline:
		i.Values, text = codesOf(s), ""
	}
	if text != "" {
		i.QR, err = drawn(text, alt)
	}
	return i, err
}

// codesOf are the codes of an activation that are typed.
func codesOf(s activations.Started) []value {
	all := []value{{"Serial", s.Token.DeviceSerial()}, {"Activation code", activation.Group(string(s.Code))}}
	if s.ERC != "" {
		all = append(all, value{"Event counter code", activation.Group(s.ERC)})
	}
	return all
}

func confirmForm(v *visit, t token.Token) form {
	f := form{Submit: "Confirm", Means: "The first code that the app shows makes it the device of this token.",
		Codes: []look.Field{{ID: "otp", Label: "First code", Max: 24, Required: true}}}
	o := v.stands(t)
	if p, ok := opened(o); ok && !p.NewSecret {
		f.Codes = append(f.Codes, look.Field{ID: "next_otp", Label: "Next code", Hint: "If the app shows two", Max: 24})
	}
	if o.Profile.Rules.DeviceBinding {
		f.Fields = []look.Field{{ID: "derivation", Label: "Derivation code", Hint: "The app shows it beside the code",
			Autocomplete: oneTime, Max: 64, Required: true}}
	}
	return f
}

func (v *visit) confirm(t token.Token) (*look.Note, string, error) {
	r, err := v.cfg.Activations.Confirm(v.r.Context(), activations.Typed{Token: exactly(t),
		OTP: v.r.PostForm.Get("otp"), NextOTP: v.r.PostForm.Get("next_otp"), Derivation: v.r.PostForm.Get("derivation"),
		Origin: v.origin()})
	if err != nil || r.Accepted {
		return nil, "", err
	}
	n := look.Note{Tone: look.Warning, What: "Not right: the code is not the first one of the new device",
		Means: fault.Plural(r.TriesLeft, "try is", "tries are") + " left. Is it the code of this activation?"}
	if r.TriesLeft == 0 {
		n.Means = "The activation has ended. Begin another one."
		return &n, "activate", nil
	}
	return &n, "", nil
}

func cancelForm(*visit, token.Token) form {
	return form{Submit: "Cancel the activation", Danger: true,
		Means: "The codes of the open activation are worth nothing then. The device of before goes on."}
}

func (v *visit) cancel(t token.Token) (*look.Note, string, error) {
	_, err := v.cfg.Activations.Cancel(v.r.Context(), exactly(t), v.origin())
	return nil, "", err
}

func resetForm(*visit, token.Token) form {
	return form{Submit: "Reset", Means: "What is chosen begins anew, so that the limits of activations bind later.",
		Checks: []option{{Value: "successes", Label: "Activations after the first"},
			{Value: "failures", Label: "Wrong confirmations"}, {Value: "interval", Label: "The time to the next activation"}}}
}

func (v *visit) reset(t token.Token) (*look.Note, string, error) {
	_, err := v.cfg.Activations.Reset(v.r.Context(), exactly(t), activations.Counts{Successes: v.posted("successes") != "",
		Failures: v.posted("failures") != "", Interval: v.posted("interval") != ""}, v.origin())
	return nil, "", err
}

func unbindForm(*visit, token.Token) form {
	return form{Submit: "Unbind", Danger: true, Means: "The secret of the token is deleted, and its device ends for good. " +
		"The token takes codes again after another activation."}
}

func (v *visit) unbind(t token.Token) (*look.Note, string, error) {
	_, err := v.cfg.Activations.Unbind(v.r.Context(), exactly(t), v.origin())
	return nil, "", err
}

func proveForm(*visit, token.Token) form {
	return form{Submit: "Prove", Means: "The first code of the app makes the token valid. It is used up.",
		Codes: []look.Field{{ID: "otp", Label: "First code", Max: 14, Required: true}}}
}

func (v *visit) prove(t token.Token) (*look.Note, string, error) {
	valid, err := v.cfg.Verifier.Confirm(v.r.Context(), codes.ConfirmRequest{Lookup: lookup(t),
		OTP: v.r.PostForm.Get("otp"), Origin: v.origin()})
	if err != nil || valid {
		return nil, "", err
	}
	return &look.Note{Tone: look.Warning, What: "Not valid: wrong code",
		Means: "It counts as one wrong code. Has the app read the key of this token?"}, "link", nil
}

func linkForm(*visit, token.Token) form {
	return form{Submit: "Make a new link", Means: "The link before ends. A key that was shown cannot be shown again."}
}

// activationHistory is how the activations of a token stand, on its page.
type activationHistory struct {
	Profile  string
	Open     *look.Note
	Counts   []value
	NextAt   moment
	Past     []pastActivation
	PastDays string
}

type pastActivation struct {
	Opened, Ended                     moment
	Route, Reason, By, Status, Device string
}

var (
	routeWords = map[activations.Route]string{"offline": "Codes", "qr": "QR code", "online": "Online",
		"pushed": "By another server"}
	reasonWords = map[activations.Reason]string{"pin-forgotten": "PIN forgotten", "device-replaced": "new phone",
		"device-lost": "phone lost"}
	activationWords = map[store.ActivationStatus]string{store.ActivationOpen: "open",
		store.ActivationConfirmed: "confirmed",
		store.ActivationCancelled: "cancelled", store.ActivationSuperseded: "another one was begun",
		store.ActivationTriesUsed: "too many wrong codes", store.ActivationExpired: "expired"}
)

// ofMost is a count beside its limit.
func ofMost(n, most int) string { return strconv.Itoa(n) + " of " + strconv.Itoa(most) }

func shownActivations(o activations.Overview) *activationHistory {
	h := &activationHistory{Profile: o.Token.Profile, NextAt: at(o.Standing.NextAt),
		PastDays: fault.Plural(int(o.Limits.Window/(24*time.Hour)), "day", "days"), Counts: []value{
			{"Activations after the first", ofMost(o.Standing.Successes, o.Limits.Successes)},
			{"Wrong confirmations", ofMost(o.Standing.Failures, o.Limits.Failures)}}}
	for _, p := range o.Activations {
		past := pastActivation{Opened: at(p.Opened), Ended: at(p.Ended), Route: routeWords[p.Route],
			Reason: reasonWords[p.Reason], By: p.Actor, Status: activationWords[p.Status]}
		if p.Self {
			past.By += ", for the user"
		}
		if !p.Taken.IsZero() {
			past.Device = strings.TrimSpace(p.DeviceName + " (" + activations.DeviceType(p.DeviceType) + ")")
		}
		if p.Live {
			past.Status += ", in use"
		}
		h.Past = append(h.Past, past)
	}
	if p, ok := opened(o); ok {
		h.Open = &look.Note{What: "An activation is open until " + at(p.Expires).Text,
			Means: fault.Plural(p.TriesLeft, "wrong code is", "wrong codes are") + " left."}
		if !p.Taken.IsZero() {
			h.Open.Means = "The device " + h.Past[0].Device + " has taken it, and has not shown its first code yet. " +
				h.Open.Means
		}
	}
	return h
}
