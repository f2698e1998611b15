package lifecycle

import (
	"cmp"
	"fmt"

	"ostiary/activation"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/profiles"
	"ostiary/internal/store"
)

// profileOf reads the profile that a type names, and refuses one that its tokens
// cannot have.
func profileOf(r store.ProfileReader, typ token.Type) (*activation.Vector, error) {
	v, err := profiles.ForNew(r, typ.Profile)
	if err != nil {
		return nil, err
	}
	if why := profiles.Misfit(typ, v); why != "" {
		return nil,
			fault.New(fault.Conflict, "profile_misfit", fmt.Sprintf("Profile %s does not fit type %s: it %s.",
				typ.Profile, typ.Name, why)).
				WithHint("Choose another profile, or create a type for this one: ostiary profile show " + typ.Profile +
					".")
	}
	return v, nil
}

// withProfile is a type as it makes tokens of a profile, of its own where name is
// empty: their codes are those that confirm their activations. Without an
// activation there is no profile, and a two-step one may have none yet.
func withProfile(r store.ProfileReader, typ token.Type, name string) (token.Type, error) {
	if typ.Activation == token.NoActivation {
		if name != "" {
			return typ, fault.New(fault.Invalid, "profile", fmt.Sprintf("Tokens of type %s are not activated, and "+
				"so they have no profile.", typ.Name)).
				WithHint("ostiary type list shows the types with an activation.")
		}
		typ.Profile = ""
		return typ, nil
	}
	typ.Profile = cmp.Or(name, typ.Profile)
	if typ.Profile == "" && typ.Activation == token.OneStep {
		return typ, fault.New(fault.Conflict, "no_profile", fmt.Sprintf("Tokens of type %s are activated by a "+
			"profile, and the type has none.", typ.Name)).
			WithHint(fmt.Sprintf("Name one: ostiary token create %s --profile NAME; or set it for the type: ostiary "+
				"type change %s --profile NAME.", typ.Name, typ.Name))
	} else if typ.Profile == "" {
		return typ, nil
	}
	v, err := profileOf(r, typ)
	if err != nil {
		return typ, err
	}
	if spec, ok := profiles.Spec(v); ok {
		typ.Spec = spec
	}
	return typ, nil
}
