package authenticatorcli

import (
	"strconv"
	"time"

	"ostiary/activation"
	"ostiary/authenticator"
	"ostiary/internal/program/cmdline"
)

// accountJSON is an account as --json prints it.
type accountJSON struct {
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	Serial       string            `json:"serial"`
	Issuer       string            `json:"issuer"`
	Profile      string            `json:"profile"`
	Fingerprint  string            `json:"fingerprint"`
	State        string            `json:"state"`
	Unconfirmed  bool              `json:"unconfirmed"`
	Server       string            `json:"server,omitempty"`
	Activated    time.Time         `json:"activated"`
	ShiftSeconds int64             `json:"shift_seconds"`
	Device       string            `json:"device,omitempty"`
	PIN          pinJSON           `json:"pin"`
	Applications []applicationJSON `json:"applications"`
}

type pinJSON struct {
	Min       int    `json:"min"`
	Max       int    `json:"max"`
	Level     string `json:"level"`
	Penalty   string `json:"penalty,omitempty"`
	Tries     int    `json:"tries,omitempty"`
	TriesLeft *int   `json:"tries_left,omitempty"`
}

type applicationJSON struct {
	Index   int     `json:"index"`
	Name    string  `json:"name"`
	Mode    string  `json:"mode"`
	Suite   string  `json:"suite"`
	Counter *uint64 `json:"counter,omitempty"`
}

func jsonOf(a authenticator.Account) accountJSON {
	p := a.Vector.Profile()
	out := accountJSON{ID: a.ID, Name: a.Name, Serial: a.Serial, Issuer: p.Issuer, Profile: p.Name,
		Fingerprint: a.Vector.Fingerprint(),
		State:       a.State.String(), Unconfirmed: a.Unconfirmed, Server: a.Server, Activated: a.Activated.UTC(),
		ShiftSeconds: int64(a.Shift / time.Second), Device: a.Device,
		PIN: pinJSON{Min: p.PIN.Min, Max: p.PIN.Max, Level: "none"}}
	if p.PIN.Level == activation.PINHashed {
		out.PIN.Level, out.PIN.Penalty, out.PIN.Tries, out.PIN.TriesLeft = "hash", penalty(p.PIN.Penalty), p.PIN.Tries,
			&a.TriesLeft
	}
	for _, app := range p.Applications {
		j := applicationJSON{Index: app.Index, Name: app.Name, Mode: mode(app.Mode), Suite: app.Suite.String()}
		if counter, counts := a.Counters[app.Index]; counts {
			j.Counter = &counter
		}
		out.Applications = append(out.Applications, j)
	}
	return out
}

func penalty(p activation.Penalty) string {
	if p == activation.WrongAnswers {
		return "wrong answers"
	}
	return "erase"
}

func mode(m activation.Mode) string {
	switch m {
	case activation.ChallengeResponse:
		return "challenge"
	case activation.Signature:
		return "signature"
	}
	return "one-time password"
}

// state is how a list shows the state of an account.
func state(a authenticator.Account) string {
	if a.Unconfirmed {
		return "unconfirmed"
	}
	return a.State.String()
}

// printAccount prints the properties of an account.
func (a *app) printAccount(account authenticator.Account) error {
	j := jsonOf(account)
	if a.json {
		return a.printJSON(j)
	}
	out := cmdline.NewTable(a.Stdout)
	row := func(name, value string) { cmdline.Row(out, name, value) }
	row("Name", j.Name)
	row("Serial", j.Serial)
	row("Issuer", j.Issuer)
	row("Profile", j.Profile)
	row("Fingerprint", j.Fingerprint)
	row("State", state(account))
	if account.Server != "" {
		row("Server", j.Server)
	}
	row("Activated", cmdline.LocalTime(account.Activated))
	row("Server's clock", shift(account.Shift))
	if j.Device != "" {
		row("Device", j.Device)
	}
	row("PIN", pinText(j.PIN))
	for _, app := range j.Applications {
		text := app.Name + ": " + app.Mode + ", " + app.Suite
		if app.Counter != nil {
			text += ", next event " + strconv.FormatUint(*app.Counter, 10)
		}
		row("Application "+strconv.Itoa(app.Index), text)
	}
	return out.Flush()
}

func pinText(p pinJSON) string {
	text := strconv.Itoa(p.Min) + " to " + strconv.Itoa(p.Max) + " digits, "
	if p.TriesLeft == nil {
		return text + "not checked: a wrong one gives wrong codes"
	}
	return text + strconv.Itoa(*p.TriesLeft) + " of " + cmdline.Plural(p.Tries, "try", "tries") + " left, then " +
		p.Penalty
}

func shift(d time.Duration) string {
	switch {
	case d > 0:
		return cmdline.FormatSpan(d) + " ahead of this device's"
	case d < 0:
		return cmdline.FormatSpan(-d) + " behind this device's"
	}
	return "as this device's"
}
