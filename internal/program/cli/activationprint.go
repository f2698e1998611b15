package cli

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"ostiary/activation"
	"ostiary/internal/doors/wire"
	"ostiary/internal/formats/letter"
	"ostiary/internal/program/cmdline"
)

// printActivation shows an activation with its codes, this once.
func (a *app) printActivation(made wire.Activation) error {
	if a.json {
		return a.printJSON(made)
	}
	if err := a.sayBegun(made); err != nil {
		return err
	}
	return a.sayCodes(made)
}

func (a *app) sayBegun(made wire.Activation) error {
	whose := ""
	if made.User != "" {
		whose = " for " + made.User
	}
	return a.say(nil, "An activation of token %s has begun%s. It is open until %s.", made.Serial, whose,
		cmdline.LocalTime(made.Expires))
}

// typedSerial is the serial that is typed into the app.
func typedSerial(made wire.Activation) string { return cmp.Or(made.DeviceSerial, made.Serial) }

func (a *app) sayCodes(made wire.Activation) error {
	out := newTable(a.Stdout)
	for _, line := range [][2]string{{"Server", made.URL}, {"Registration code", made.Registration},
		{"Serial", typedSerial(made)}, {"Activation code", made.Code}, {"Event counter code", made.ERC}} {
		if line[1] != "" && (line[0] != "Serial" || made.Registration == "") {
			out.row(line[:]...)
		}
	}
	if err := out.flush(); err != nil {
		return err
	}
	return a.endActivation(made)
}

// endActivation shows the password, apart from the codes, and says what is next.
func (a *app) endActivation(made wire.Activation) error {
	if made.Password != "" {
		if err := a.say(nil, "Activation password (send it to the user separately from the code): %s",
			made.Password); err != nil {
			return err
		}
	}
	for _, w := range made.Warnings {
		a.note("Warning: %s", w)
	}
	if made.Route == "online" {
		a.suggest("These codes cannot be shown again. The app confirms the activation by itself; see: ostiary activation show %s",
			cmdline.ShellQuote(made.Serial))
		return nil
	}
	more := ""
	if made.Pair {
		more += " --next-otp OTP"
	}
	if made.Binding {
		more += " --derivation-code CODE"
	}
	a.suggest("These codes cannot be shown again. Confirm the first code that the app shows: ostiary activation confirm %s "+
		"--otp OTP%s", cmdline.ShellQuote(made.Serial), more)
	return nil
}

// writeLetters writes a page for each activation.
func writeLetters(w io.Writer, page string, texts *letter.Texts, made ...wire.Activation) error {
	letters := make([]letter.Letter, len(made))
	for i, m := range made {
		body, err := activation.ReadQRBody(m.QRBody)
		if err != nil {
			return fmt.Errorf("the server's answer about token %s: %w", m.Serial, err)
		}
		letters[i] = letter.Letter{Issuer: m.Issuer, Profile: m.Title, User: m.User, Serial: body.Serial, Code: body.Code,
			ERC:    body.ERC,
			QRBody: activation.Secret(m.QRBody), Password: m.NeedsPass, Binding: m.Binding, Pair: m.Pair, Server: page,
			Expires: m.Expires.Local(), Texts: texts}
		if body.Serial != m.Serial {
			letters[i].Here = m.Serial
		}
	}
	return letter.Write(w, time.Now(), letters)
}

func (a *app) printLettered(made wire.Activation, file string) error {
	if a.json {
		return a.printJSON(made)
	}
	if err := a.sayBegun(made); err != nil {
		return err
	}
	if err := a.say(nil, "%s contains the letter.", file); err != nil {
		return err
	}
	return a.endActivation(made)
}
