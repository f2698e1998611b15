package console

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/profiles"
	"ostiary/internal/formats/profilefile"
)

func (c *Console) profilePages() []page {
	return []page{
		{"GET /profiles", authz.ProfileView, "list-profiles", (*visit).profiles},
		{"GET /profile-new", authz.ProfileManage, "create-profile", func(v *visit) { v.showNewProfile(nil) }},
		{"POST /profile-new", authz.ProfileManage, "create-profile", (*visit).createProfile},
		{"GET /profiles/{profile}", authz.ProfileView, "show-profile", (*visit).profile},
		{"POST /profiles/{profile}/retire", authz.ProfileManage, "retire-profile", (*visit).retireProfile},
		{"POST /profiles/{profile}/restore", authz.ProfileManage, "restore-profile", (*visit).restoreProfile},
		{"GET /profiles/{profile}/limits", authz.ProfileManage, "change-profile-limits",
			func(v *visit) { v.showLimits(nil) }},
		{"POST /profiles/{profile}/limits", authz.ProfileManage, "change-profile-limits", (*visit).setLimits},
	}
}

func (v *visit) profileAt(name string) string { return v.root() + "profiles/" + url.PathEscape(name) }

func (v *visit) profiles() {
	var all []profiles.Profile
	err := v.cfg.Rest.Turn(v.r.Context(), v.session.Principal, func(ctx context.Context) (err error) {
		all, err = v.cfg.Profiles.List(ctx)
		return err
	})
	if err != nil {
		v.fail(err)
		return
	}
	s := record{Figures: []look.Link{{Label: fault.Plural(len(all), "profile", "profiles")}}}
	if v.may(authz.ProfileManage) {
		s.Actions = []look.Act{{Link: look.Link{Label: "New profile", Href: v.root() + "profile-new"}, Dialog: true,
			Primary: true}}
	}
	t := look.TableOf("Profiles", "Name", "Title", "Issuer", "Types", "Fingerprint", "State")
	for _, p := range all {
		of := p.Vector.Profile()
		t.Add(nil, look.Cell{Text: p.Name, Href: v.profileAt(p.Name), Open: true}, look.Cell{Text: of.Name},
			look.Cell{Text: of.Issuer}, look.Cell{Text: strings.Join(p.UsedBy, ", ")},
			look.Cell{Text: p.Vector.Fingerprint(), Mono: true}, inUse(!p.Retired.IsZero()))
	}
	if len(all) == 0 {
		t.Empty = &look.Empty{What: "A profile says what an authenticator app does with its tokens. There is none yet."}
		if len(s.Actions) > 0 {
			t.Empty.Action = &s.Actions[0].Link
		}
	}
	s.Tables = []look.Table{t}
	v.showRecord("Profiles", s)
}

// limits are the fields of a profile's limits. Times are in the unit that follows.
var limits = []struct {
	id, label string
	unit      time.Duration // zero for a count
	units     string
	span      func(*token.ActivationLimits) *time.Duration
	count     func(*token.ActivationLimits) *int
}{
	{"expiry", "An activation is open for", time.Minute, "minutes",
		func(l *token.ActivationLimits) *time.Duration { return &l.Expiry }, nil},
	{"tries", "Wrong confirmations that end it", 0, "", nil, func(l *token.ActivationLimits) *int { return &l.Tries }},
	{"window", "Activations are counted over", time.Hour, "hours",
		func(l *token.ActivationLimits) *time.Duration { return &l.Window }, nil},
	{"reactivations", "Activations after the first, in that time", 0, "", nil,
		func(l *token.ActivationLimits) *int { return &l.Successes }},
	{"failures", "Wrong confirmations of a token, in that time", 0, "", nil,
		func(l *token.ActivationLimits) *int { return &l.Failures }},
	{"interval", "From one activation to the next", time.Minute, "minutes",
		func(l *token.ActivationLimits) *time.Duration { return &l.Interval }, nil},
}

func limitsTable(l activations.Limits) look.Table {
	t := look.TableOf("Limits of its activations", "Limit", "In force", "Set by", "Of the server")
	inForce := l.InForce()
	for _, each := range limits {
		own, from := false, "the server"
		var is, server string
		if each.span != nil {
			own, is, server = *each.span(&l.Own) != 0, fault.Span(*each.span(&inForce)), fault.Span(*each.span(&l.Server))
		} else {
			own, is, server = *each.count(&l.Own) != 0, strconv.Itoa(*each.count(&inForce)),
				strconv.Itoa(*each.count(&l.Server))
		}
		if own {
			from = "this profile"
		}
		t.Add(nil, look.Cell{Text: each.label}, look.Cell{Text: is}, look.Cell{Text: from}, look.Cell{Text: server})
	}
	return t
}

var profileDone = map[string]string{"create": "The profile is made", "limits": "The limits are changed, and bind at once",
	"retire":  "The profile is retired: no new tokens and no first activations",
	"restore": "The profile is in use again"}

func yesNo(is bool) look.Cell {
	if is {
		return look.Cell{Text: "yes"}
	}
	return look.Cell{Text: "no"}
}

func (v *visit) profile() {
	name := v.r.PathValue("profile")
	p, err := v.cfg.Profiles.Show(v.r.Context(), name)
	var l activations.Limits
	if err == nil {
		l, err = v.cfg.Activations.Limits(v.r.Context(), name)
	}
	var vector []byte
	if err == nil {
		vector, err = pasted(p.Vector)
	}
	if err != nil {
		v.fail(err)
		return
	}
	of := p.Vector.Profile()
	s := record{About: p.Name, Figures: []look.Link{{Label: "All profiles", Href: v.root() + "profiles"}},
		Notes: v.told(profileDone)}
	if of.KeepsOldDevice() {
		s.Notes = append(s.Notes, look.Note{Tone: look.Warning, What: "The old device keeps working",
			Means: "After a reactivation both devices have the same secret: neither new keys nor binding are set."})
	}
	if v.may(authz.ProfileManage) {
		s.Actions = []look.Act{{Link: look.Link{Label: "Change the limits", Href: v.profileAt(name) + "/limits"},
			Dialog:  true,
			Primary: true}}
		end := look.Link{Label: "Retire", Href: v.profileAt(name) + "/retire"}
		if !p.Retired.IsZero() {
			end = look.Link{Label: "Restore", Href: v.profileAt(name) + "/restore"}
		}
		s.Actions = append(s.Actions, look.Act{Link: end, Post: true})
	}
	state := inUse(!p.Retired.IsZero())
	if !p.Retired.IsZero() {
		state.More = "since " + at(p.Retired).Text
	}
	pin, rules := of.PIN, of.Rules
	pinWords := "none"
	if pin.Max > 0 {
		pinWords = strconv.Itoa(int(pin.Min)) + " to " + strconv.Itoa(int(pin.Max)) + " digits, " +
			fault.Plural(int(pin.Tries), "try", "tries") + ", then " + profilefile.PenaltyWord(pin.Penalty)
	}
	s.Facts = []fact{{"Name", look.Cell{Text: p.Name, More: of.Name}}, {"State", state},
		{"Issuer", look.Cell{Text: of.Issuer}}, {"Types", orDash(strings.Join(p.UsedBy, ", "))},
		{"Fingerprint", look.Cell{Text: p.Vector.Fingerprint(), Mono: true}},
		{"PIN", look.Cell{Text: pinWords, More: profilefile.LevelWord(pin.Level)}},
		{"Activation code", look.Cell{Text: profilefile.CodeWord(rules.Format)}},
		{"Activation password", yesNo(rules.Password)}, {"Bound to the device", yesNo(rules.DeviceBinding)},
		{"A new key at each activation", yesNo(rules.NewKey)}, {"Can be activated again", yesNo(rules.Reactivation)},
		{"Two steps", yesNo(of.TwoStep)}, {"Here since", when(at(p.Created))}}
	apps := look.TableOf("Applications", "Name", "Mode", "Suite")
	for _, a := range of.Applications {
		apps.Add(nil, look.Cell{Text: a.Name}, look.Cell{Text: profilefile.ModeWord(a.Mode)},
			look.Cell{Text: a.Suite.String(), Mono: true})
	}
	s.Tables = []look.Table{limitsTable(l), apps}
	s.Words = []words{{"Static vector, for the makers of apps", string(vector)}}
	v.showRecord("Profile", s)
}

// pasted is a static vector as text.
func pasted(of *activation.Vector) ([]byte, error) {
	text, err := activation.Message{Type: activation.TypeVector, Payload: of.Bytes()}.Paste()
	return []byte(text), err
}

func (v *visit) showNewProfile(err error) {
	a := ask{Title: "New profile", Submit: "Make the profile", Action: v.root() + "profile-new",
		Close: v.root() + "profiles",
		Means: "A profile never changes afterwards, but for its limits.",
		Inputs: []input{{Field: look.Field{ID: "name", Label: "Name", Hint: "Small letters, digits and -", Required: true,
			Max: 32}},
			{Field: look.Field{ID: "toml", Label: "Profile file", Hint: "TOML, as in examples/profiles/plain.toml",
				Required: true}, Lines: 14}}}
	if err != nil {
		v.failed(&a, err)
	}
	v.showAsk(a)
}

func (v *visit) createProfile() {
	file, err := profilefile.ParseProfile(strings.NewReader(v.r.PostForm.Get("toml")))
	if err != nil {
		err = fault.New(fault.Invalid, "profile_file", fault.Sentence(strings.ReplaceAll(err.Error(), "\n", "; "))).
			WithHint("Nothing was created. examples/profiles/plain.toml explains every setting.").Because(err)
	}
	var p profiles.Profile
	if err == nil {
		p, _, err = v.cfg.Profiles.Create(v.r.Context(), v.posted("name"), file, v.origin())
	}
	if err != nil {
		v.showNewProfile(err)
		return
	}
	v.leadTo(v.profileAt(p.Name) + "?" + query("done", "create"))
}

func (v *visit) retireProfile() {
	_, err := v.cfg.Profiles.Retire(v.r.Context(), v.r.PathValue("profile"), v.origin())
	v.profileWas("retire", err)
}

func (v *visit) restoreProfile() {
	_, err := v.cfg.Profiles.Restore(v.r.Context(), v.r.PathValue("profile"), v.origin())
	v.profileWas("restore", err)
}

func (v *visit) profileWas(done string, err error) {
	if err != nil {
		v.fail(err)
		return
	}
	v.leadTo(v.profileAt(v.r.PathValue("profile")) + "?" + query("done", done))
}

func (v *visit) showLimits(err error) {
	name := v.r.PathValue("profile")
	l, findErr := v.cfg.Activations.Limits(v.r.Context(), name)
	if findErr != nil {
		v.fail(findErr)
		return
	}
	a := ask{Title: "Limits", About: name, Submit: "Change", Action: v.profileAt(name) + "/limits",
		Close: v.profileAt(name), Means: "An empty field takes the server’s limit."}
	for _, each := range limits {
		in := input{Field: look.Field{ID: each.id, Label: each.label, Type: "number"}}
		if each.span != nil {
			in.Hint = "In " + each.units + "; the server has " + fault.Span(*each.span(&l.Server))
			in.Value = number(int(*each.span(&l.Own) / each.unit))
		} else {
			in.Hint = "The server has " + strconv.Itoa(*each.count(&l.Server))
			in.Value = number(*each.count(&l.Own))
		}
		a.Inputs = append(a.Inputs, in)
	}
	if err != nil {
		v.failed(&a, err)
	}
	v.showAsk(a)
}

func (v *visit) setLimits() {
	typed := map[string]uint64{}
	var err error
	for _, each := range limits {
		n, bad := count(v.posted(each.id))
		if bad != nil || n > 1<<20 {
			err = notANumber(each.label)
			break
		}
		typed[each.id] = n
	}
	if err == nil {
		_, err = v.cfg.Activations.SetLimits(v.r.Context(), v.r.PathValue("profile"), func(l *token.ActivationLimits) {
			for _, each := range limits {
				n := typed[each.id]
				if each.count != nil {
					*each.count(l) = int(n)
				} else if to := each.span(l); uint64(*to/each.unit) != n { // a part of the unit stays
					*to = time.Duration(n) * each.unit
				}
			}
		}, v.origin())
	}
	if err != nil {
		v.showLimits(err)
		return
	}
	v.profileWas("limits", nil)
}
