// Package profilefile reads profiles of software authenticators from TOML, as
// examples/profiles explains them, and has the words of that TOML.
package profilefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"ostiary/activation"
)

// maxFile is the size of the largest profile file in bytes.
const maxFile = 64 << 10

// file is the TOML of a profile.
type file struct {
	Name         string        `toml:"name"`
	Issuer       string        `toml:"issuer"`
	SerialPrefix string        `toml:"serial_prefix"`
	Applications []application `toml:"application"`
	PIN          pin           `toml:"pin"`
	Activation   rules         `toml:"activation"`
	TwoStep      *twoStep      `toml:"two_step"`
}

type application struct {
	Index *int   `toml:"index"`
	Name  string `toml:"name"`
	Mode  mode   `toml:"mode"`
	Suite suite  `toml:"suite"`
}

type pin struct {
	Min        int     `toml:"min"`
	Max        int     `toml:"max"`
	RefuseWeak bool    `toml:"refuse_weak"`
	Tries      int     `toml:"tries"`
	Penalty    penalty `toml:"penalty"`
	Level      level   `toml:"level"`
}

type rules struct {
	Code          format   `toml:"code"`
	Password      bool     `toml:"password"`
	CheckPassword bool     `toml:"check_password"`
	DeviceBinding bool     `toml:"device_binding"`
	NewKey        bool     `toml:"new_key"`
	Reactivation  bool     `toml:"reactivation"`
	Argon2id      argon2id `toml:"argon2id"`
}

type argon2id struct {
	Passes int `toml:"passes"`
	Memory int `toml:"memory_kib"`
	Lanes  int `toml:"lanes"`
}

type twoStep struct {
	SecureChannel bool `toml:"secure_channel"`
}

// ParseProfile reads a profile, at most 64 KiB. What the file leaves out has the
// value that activation.NewProfile advises. ID, Key and IssuerKey are zero: whoever
// takes the profile into use draws them, as no file should hold them.
//
// The error names the line of what the file says wrongly: broken TOML, a setting that
// does not exist, a word or a type that does not belong there. A rule of profiles that
// is broken is activation.ErrProfile with the reason.
func ParseProfile(r io.Reader) (activation.Profile, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return activation.Profile{}, err
	}
	if len(text) > maxFile {
		return activation.Profile{}, errors.New("the file is larger than 64 KiB: is it the right file?")
	}
	f, err := defaults()
	if err != nil {
		return activation.Profile{}, err
	}
	if err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(f); err != nil {
		return activation.Profile{}, located(err)
	}
	p := f.profile()
	_, err = p.Vector()
	return p, err
}

// defaults is a file as one that says nothing is read.
func defaults() (*file, error) {
	p, err := activation.NewProfile(bytes.NewReader(make([]byte, 48))) // ID and Key are not looked at
	if err != nil {
		return nil, err
	}
	return &file{
		PIN: pin{p.PIN.Min, p.PIN.Max, p.PIN.RefuseWeak, p.PIN.Tries, penalty(p.PIN.Penalty), level(p.PIN.Level)},
		Activation: rules{format(p.Rules.Format), p.Rules.Password, p.Rules.CheckPassword, p.Rules.DeviceBinding,
			p.Rules.NewKey, p.Rules.Reactivation,
			argon2id{p.Rules.Argon2id.Time, p.Rules.Argon2id.Memory, p.Rules.Argon2id.Parallelism}},
	}, nil
}

// profile puts the profile together.
func (f *file) profile() activation.Profile {
	a := f.Activation
	p := activation.Profile{
		Name: f.Name, Issuer: f.Issuer, Prefix: f.SerialPrefix,
		PIN: activation.PINRules{Min: f.PIN.Min, Max: f.PIN.Max, RefuseWeak: f.PIN.RefuseWeak, Tries: f.PIN.Tries,
			Penalty: activation.Penalty(f.PIN.Penalty), Level: activation.PINLevel(f.PIN.Level)},
		Rules: activation.Rules{Format: activation.CodeFormat(a.Code), Password: a.Password,
			CheckPassword: a.CheckPassword,
			DeviceBinding: a.DeviceBinding, NewKey: a.NewKey, Reactivation: a.Reactivation,
			Argon2id: activation.Argon2id{Time: a.Argon2id.Passes, Memory: a.Argon2id.Memory,
				Parallelism: a.Argon2id.Lanes}},
	}
	index := 0
	for _, a := range f.Applications {
		index++ // one above the one before, unless it says otherwise
		if a.Index != nil {
			index = *a.Index
		}
		p.Applications = append(
			p.Applications, activation.Application{Index: index, Name: a.Name, Mode: activation.Mode(a.Mode),
				Suite: activation.Suite(a.Suite)})
	}
	if f.TwoStep != nil {
		p.TwoStep, p.SecureChannel = true, f.TwoStep.SecureChannel
	}
	return p
}

// located puts the lines before what the TOML reader found.
func located(err error) error {
	if missing, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		var lines []string
		for i := range missing.Errors {
			e := &missing.Errors[i]
			row, _ := e.Position()
			lines = append(lines, fmt.Sprintf("line %d: there is no setting %s", row, strings.Join(e.Key(), ".")))
		}
		return errors.New(strings.Join(lines, "\n"))
	}
	if e, ok := errors.AsType[*toml.DecodeError](err); ok {
		row, _ := e.Position()
		text := strings.TrimPrefix(e.Error(), "toml: ")
		// Which of our types it did not fit into is nothing to people.
		if what, _, of := strings.Cut(text, " into struct field "); of {
			text = fmt.Sprintf("%s is not a valid %s", strings.Join(e.Key(), "."),
				strings.TrimPrefix(what, "cannot decode TOML "))
		}
		return fmt.Errorf("line %d: %s", row, text)
	}
	return err
}
