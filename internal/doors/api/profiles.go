package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/activation"
	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/profiles"
	"ostiary/internal/formats/profilefile"
)

type profileInput struct {
	Name string `path:"name" maxLength:"32"`
}
type createProfileInput struct{ Body wire.ProfileRequest }
type profileOutput struct{ Body wire.Profile }
type listProfilesOutput struct{ Body wire.ProfileList }

// maxProfileBody is room for the largest profile file as a JSON string.
const maxProfileBody = 256 << 10

func (a *API) profileRoutes() {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"Profiles"},
			Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict}}
	}
	register(a, authz.ProfileView, op("list-profiles", http.MethodGet, "/api/v1/profiles",
		"List the profiles of software authenticators"), a.listProfiles)
	register(a, authz.ProfileView, op("show-profile", http.MethodGet, "/api/v1/profiles/{name}",
		"Show a profile, with its static vector"),
		func(ctx context.Context, _ caller, in *profileInput) (*profileOutput, error) {
			p, err := a.cfg.Profiles.Show(ctx, in.Name)
			return profileAnswer(p, nil, err)
		})
	for _, r := range []struct {
		verb, summary string
		do            func(context.Context, string, audit.Origin) (profiles.Profile, error)
	}{{"retire", "Retire a profile: no new tokens and no first activations", a.cfg.Profiles.Retire},
		{"restore", "Use a retired profile again", a.cfg.Profiles.Restore}} {
		register(a, authz.ProfileManage, op(r.verb+"-profile", http.MethodPost, "/api/v1/profiles/{name}/"+r.verb,
			r.summary), func(ctx context.Context, c caller, in *profileInput) (*profileOutput, error) {
			p, err := r.do(ctx, in.Name, c.origin())
			return profileAnswer(p, nil, err)
		})
	}
	create := op("create-profile", http.MethodPost, "/api/v1/profiles", "Create a profile; it never changes "+
		"afterwards")
	create.DefaultStatus, create.MaxBodyBytes = http.StatusCreated, maxProfileBody
	register(a, authz.ProfileManage, create, func(ctx context.Context, c caller, in *createProfileInput) (
		*profileOutput, error) {
		p, err := profilefile.ParseProfile(strings.NewReader(in.Body.TOML))
		if err != nil {
			return nil,
				fault.New(fault.Invalid, "profile_file", upperFirst(strings.ReplaceAll(err.Error(), "\n", "; "))+".").
					WithHint("Nothing was created. examples/profiles/plain.toml explains every setting.").Because(err)
		}
		return profileAnswer(a.cfg.Profiles.Create(ctx, in.Body.Name, p, c.origin()))
	})
}

func (a *API) listProfiles(ctx context.Context, _ caller, _ *struct{}) (*listProfilesOutput, error) {
	all, err := a.cfg.Profiles.List(ctx)
	if err != nil {
		return nil, err
	}
	out := &listProfilesOutput{}
	out.Body.Profiles = make([]wire.Profile, len(all))
	for i, p := range all {
		if out.Body.Profiles[i], err = wireProfile(p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func profileAnswer(p profiles.Profile, warnings []string, err error) (*profileOutput, error) {
	if err != nil {
		return nil, err
	}
	w, err := wireProfile(p)
	w.Warnings = warnings
	return &profileOutput{w}, err
}

func wireProfile(p profiles.Profile) (wire.Profile, error) {
	text, err := activation.Message{Type: activation.TypeVector, Payload: p.Vector.Bytes()}.Paste()
	sheet := p.Vector.Profile()
	pin, rules, stretch := sheet.PIN, sheet.Rules, sheet.Rules.Argon2id
	w := wire.Profile{Name: p.Name, Title: sheet.Name, Issuer: sheet.Issuer, Prefix: sheet.Prefix,
		Fingerprint: p.Vector.Fingerprint(),
		TwoStep:     sheet.TwoStep, Channel: sheet.SecureChannel,
		Applications: make([]wire.ProfileApplication, len(sheet.Applications)),
		PIN: wire.ProfilePIN{Min: pin.Min, Max: pin.Max, RefuseWeak: pin.RefuseWeak, Tries: pin.Tries,
			Penalty: profilefile.PenaltyWord(pin.Penalty), Level: profilefile.LevelWord(pin.Level)},
		Activation: wire.ProfileActivation{Code: profilefile.CodeWord(rules.Format), Password: rules.Password,
			CheckPassword: rules.CheckPassword,
			DeviceBinding: rules.DeviceBinding, NewKey: rules.NewKey, Reactivation: rules.Reactivation,
			Argon2id: wire.Argon2id{Passes: stretch.Time, Memory: stretch.Memory, Lanes: stretch.Parallelism}},
		Created: p.Created, Retired: optionalTime(p.Retired),
		UsedBy: append([]string{}, p.UsedBy...), StaticVector: string(text)}
	for i, a := range sheet.Applications {
		w.Applications[i] = wire.ProfileApplication{Index: a.Index, Name: a.Name, Mode: profilefile.ModeWord(a.Mode),
			Suite: a.Suite.String()}
	}
	return w, err
}
