package authenticatorcli

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"ostiary/activation"
	"ostiary/authenticator"
	"ostiary/internal/formats/qr/scan"
	"ostiary/internal/program/cmdline"
)

// activating is an activation with the vault open.
type activating struct {
	*app
	cmd    *cobra.Command
	flags  *activateFlags
	vault  *authenticator.Vault
	vector *activation.Vector // of the file, may be nil
	// proposed is the name for a new account where the user gives none.
	proposed string
}

// typed activates by what a letter says.
func (s *activating) typed() error {
	serial, err := s.line("serial", s.flags.serial, "Serial:")
	if err != nil {
		return err
	}
	code, err := s.codeOr(s.flags.code, s.flags.codeFile, "code", "Activation code:")
	if err != nil {
		return err
	}
	return s.offline(authenticator.Offline{Vector: s.vector, Serial: serial, Code: code, ERC: s.flags.erc})
}

// image activates by a code image: the body of a letter, or a server's offer.
func (s *activating) image() error {
	file, _, err := cmdline.Open(s.flags.image, s.Stdin)
	if err != nil {
		return err
	}
	text, err := scan.File(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if m, err := activation.ReadMessage(text); err == nil {
		if m.Type != activation.TypeOffer {
			return activation.ErrQRBody
		}
		offer, err := activation.ParseOffer(m.Payload)
		if err != nil {
			return err
		}
		s.note("The image offers an activation by the server %s.", offer.Server)
		if err := s.agreed("Ask this server?"); err != nil {
			return err
		}
		return s.online(offer)
	}
	body, err := activation.ReadQRBody(text)
	if err != nil {
		return err
	}
	s.note("The image is for the token %s.", body.Serial)
	if body.UserID != "" {
		s.note("It says that the user is %s.", body.UserID)
	}
	if body.Challenge != "" {
		s.note("It says that the challenge is %s.", body.Challenge)
	}
	if body.UserID != "" || body.Challenge != "" {
		s.note("Nothing proves that: is it what you expect?")
	}
	if err := s.agreed("Activate this token?"); err != nil {
		return err
	}
	s.proposed = body.UserID
	return s.offline(authenticator.Offline{Vector: s.vector, Serial: body.Serial, Code: body.Code, ERC: body.ERC})
}

var errDeclined = errors.New("nothing was activated")

// agreed asks the user.
func (s *activating) agreed(question string) error {
	ok, err := s.agree(s.cmd, s.flags.yes, question)
	if err == nil && !ok {
		return errDeclined
	}
	return err
}

// offline activates by an activation code, and shows what confirms it.
func (s *activating) offline(in authenticator.Offline) error {
	defer clear(in.Code)
	vector, err := s.profileOf(in)
	if err != nil {
		return err
	}
	in.Vector = vector
	replaced, beside, err := s.vault.Replaces(in)
	if err != nil {
		return err
	}
	s.noteProfile(vector)
	if question, err := s.tellReplaced(replaced, beside); err != nil {
		return err
	} else if question != "" {
		if err := s.agreed(question); err != nil {
			return err
		}
	}
	if in.ERC == "" && replaced != nil && len(vector.EventApplications()) > 0 && s.Ask != nil && s.flags.image == "" {
		if in.ERC, err = s.line("erc", "", "Event counter code (empty if the letter has none):"); err != nil {
			return err
		}
	}
	password, choice, err := s.choose(vector)
	if err != nil {
		return err
	}
	defer clear(password)
	defer clear(choice.PIN)
	if choice.Name == "" && replaced == nil {
		choice.Name = s.proposed
	}
	in.Password = password
	done, err := s.vault.Activate(in, choice)
	if errors.Is(err, activation.ErrERCEmpty) {
		err = cmdline.WithHint(err, "a letter without one is for a first activation: delete the account before it")
	}
	if err != nil {
		return err
	}
	return s.showConfirmation(done.Account, done.Again, done.Confirmation)
}

// profileOf is the profile of an activation code: that of the file, or of the one
// account that has the serial.
func (s *activating) profileOf(in authenticator.Offline) (vector *activation.Vector, err error) {
	if in.Vector != nil {
		return in.Vector, nil
	}
	all, err := s.vault.List()
	if _, unread := errors.AsType[*authenticator.AccountError](err); err != nil && !unread {
		return nil, err
	}
	for _, account := range all {
		full, err := account.Vector.Serial(in.Serial)
		if err != nil || full != account.Serial {
			continue
		}
		if vector != nil {
			return nil, cmdline.Mistakef(s.cmd, "two issuers gave out this serial: name the profile with "+
				"--static-vector-file")
		}
		vector = account.Vector
	}
	if vector == nil {
		return nil, cmdline.Mistakef(s.cmd, "%v (--static-vector-file)", authenticator.ErrVectorMissing)
	}
	return vector, nil
}

// tellReplaced tells the user which account an activation replaces, and which has the
// same serial and stays, with their issuers; that of the activation was told before. It
// returns what the user is to be asked, or nothing.
func (s *activating) tellReplaced(replaced *authenticator.Account, beside []authenticator.Account) (question string,
	err error) {
	if replaced != nil && replaced.Unconfirmed && replaced.Server == "" {
		return "", withSettleHint(authenticator.ErrUnsettled, *replaced)
	}
	for _, account := range beside {
		s.note("The account %s has the same serial. It is of the issuer %s, profile %s, fingerprint %s, and stays.",
			account.Name, account.Vector.Profile().Issuer, account.Vector.Profile().Name, account.Vector.Fingerprint())
	}
	switch {
	case replaced == nil && len(beside) == 0:
		return "", nil
	case replaced == nil:
		return "Add another account of this serial?", nil
	}
	s.note("The account %s of the issuer %s has this token already. It gets new keys and a new PIN; its old keys are "+
		"kept until the server has accepted the new ones.", replaced.Name, replaced.Vector.Profile().Issuer)
	return "Replace its keys?", nil
}

// withSettleHint says how an account is settled that was activated by a code.
func withSettleHint(err error, account authenticator.Account) error {
	name := cmdline.ShellQuote(account.Name)
	return cmdline.WithHint(err, "run "+program+" confirm "+name+" --keep, or "+program+" confirm "+name+" --undo")
}

// choose asks for the activation password, where the profile has one, and for the PIN.
func (s *activating) choose(vector *activation.Vector) (password authenticator.Secret, c authenticator.Choice,
	err error) {
	p := vector.Profile()
	if p.Rules.Password || s.flags.passwordFile != "" {
		if password, err = s.password(); err != nil {
			return nil, c, err
		}
	}
	c.Name = s.flags.name
	c.PIN, err = s.choosePIN(s.cmd, "pin-file", s.flags.pinFile, p.PIN)
	return password, c, err
}

// password reads the activation password from the file of a flag, or asks for it until
// it can be one.
func (s *activating) password() (password authenticator.Secret, err error) {
	for range askTries {
		password, err = s.secret(s.cmd, "password-file", s.flags.passwordFile, "Activation password:")
		if err != nil || s.flags.passwordFile != "" {
			return password, err
		}
		if err = activation.CheckPassword(string(password)); err == nil {
			return password, nil
		}
		clear(password)
		s.note("%v", err)
	}
	return nil, err
}

// typedOffer activates by a server's address and a registration code.
func (s *activating) typedOffer() error {
	text, err := s.codeOr(s.flags.registration, s.flags.registrationF, "registration", "Registration code:")
	if err != nil {
		return err
	}
	code, err := activation.ParseRegistrationCode(string(text))
	clear(text)
	if err != nil {
		return err
	}
	return s.online(activation.Offer{Server: s.flags.server, Code: code})
}

// online activates by a server's offer, which the user has agreed to take.
func (s *activating) online(offer activation.Offer) error {
	ctx := s.cmd.Context()
	o, err := s.vault.Begin(ctx, offer)
	if errors.Is(err, activation.ErrServer) {
		return cmdline.Mistakef(s.cmd, "%v", err)
	}
	if waiting, ok := errors.AsType[*authenticator.AccountError](err); ok {
		account, _ := s.vault.Account(waiting.ID) // it was there just now
		if errors.Is(err, authenticator.ErrUnsettled) {
			return withSettleHint(err, account)
		}
		return withConfirmHint(err, account.Name)
	}
	if err != nil {
		return err
	}
	if err := s.agreedOnline(o); errors.Is(err, errDeclined) {
		return errors.Join(err, o.Abandon())
	} else if err != nil {
		return err
	}
	password, choice, err := s.choose(o.Vector)
	if err != nil {
		return err
	}
	defer clear(password)
	defer clear(choice.PIN)
	if choice.Name == "" && o.Replaces == nil {
		choice.Name = o.Label
	}
	account, err := s.finish(ctx, o, password, choice)
	if err != nil {
		return err
	}
	return s.say(activatedJSON{Account: jsonOf(account), Again: o.Replaces != nil, Confirmed: true},
		"Account %s (%s) is activated, and the server has confirmed it.", account.Name, account.Serial)
}

// agreedOnline shows what a server sent, and asks the user, unless it is for the profile
// of the file and replaces nothing.
func (s *activating) agreedOnline(o *authenticator.Online) error {
	question := ""
	if s.vector != nil && o.Replaces == nil && len(o.Beside) == 0 {
		return nil
	}
	s.note("The server %s sends the token %s.", o.Server, o.Serial)
	s.noteProfile(o.Vector)
	if s.vector == nil {
		s.note("Compare the fingerprint with the one that the issuer gave you.")
		question = "Activate this token?"
	}
	replacing, err := s.tellReplaced(o.Replaces, o.Beside)
	if err != nil {
		return err
	}
	err = s.agreed(cmp.Or(replacing, question))
	if errors.Is(err, errDeclined) {
		err = fmt.Errorf("%w, and this registration code is used up: ask for another activation", err)
	}
	return err
}

// finish proves the activation to the server. A password that is asked for may be
// wrong: while there are tries left it is asked for again.
func (s *activating) finish(ctx context.Context, o *authenticator.Online, password authenticator.Secret,
	choice authenticator.Choice) (authenticator.Account, error) {
	for {
		account, err := o.Finish(ctx, password, choice)
		refused, wrong := errors.AsType[*authenticator.RefusedError](err)
		wrong = wrong && refused.TriesLeft > 0 || errors.Is(err, activation.ErrCodeOrPassword)
		if !wrong || s.flags.passwordFile != "" || s.Ask == nil || len(password) == 0 {
			return account, withConfirmHint(err, account.Name)
		}
		s.note("%v", err)
		if password, err = s.Ask(ctx, "Activation password:", true); err != nil {
			return account, err
		}
		defer clear(password)
	}
}

// withConfirmHint says how an activation goes on that is not confirmed yet.
func withConfirmHint(err error, name string) error {
	if !errors.Is(err, authenticator.ErrUnconfirmed) {
		return err
	}
	return cmdline.WithHint(err, "run "+program+" confirm "+cmdline.ShellQuote(name))
}

// noteProfile tells which profile an activation is for.
func (s *activating) noteProfile(vector *activation.Vector) {
	p := vector.Profile()
	s.note("Profile: %s of %s, fingerprint %s", p.Name, p.Issuer, vector.Fingerprint())
}

// line returns the value of a flag, or asks for it.
func (s *activating) line(flag, value, question string) (string, error) {
	if value != "" {
		return value, nil
	}
	if s.Ask == nil {
		return "", cmdline.Mistakef(s.cmd, "--%s is missing", flag)
	}
	line, err := s.Ask(s.cmd.Context(), question, false)
	return string(line), err
}

// codeOr returns a code from a flag, from a file, or asks for it.
func (s *activating) codeOr(value, file, flag, question string) (authenticator.Secret, error) {
	if file != "" {
		return cmdline.ReadSecret(file, s.Stdin)
	}
	line, err := s.line(flag, value, question)
	return authenticator.Secret(line), err
}
