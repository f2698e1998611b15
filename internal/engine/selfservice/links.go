package selfservice

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/engine/users"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// Purpose is the one thing that a link opens.
type Purpose string

// The purposes.
const (
	ForActivation Purpose = "activate" // of one token
	ForApp        Purpose = "app"      // a new token for an app
)

// LinkRequest asks for a link.
type LinkRequest struct {
	User   string
	For    Purpose
	Serial string             // of the token to activate
	Reason activations.Reason // of a reactivation
	By     authz.Principal
	Origin audit.Origin
}

// Link is a new one. Text and Password cannot be shown again.
type Link struct {
	User    string
	Text    seal.Secret
	Expires time.Time
	// Password is that of the activation, for the help desk to tell; empty where there is none.
	Password seal.Secret
}

func (r LinkRequest) check(p Policy) error {
	switch {
	case p.Off:
		return fault.New(fault.Conflict, "self_service_off", "Self-service is off on this server.").
			WithHint("The setting is --self-service of the server.")
	case r.For != ForActivation && r.For != ForApp:
		return fault.New(fault.Invalid, "link_for", fmt.Sprintf("%q is not what a link is for: activate or app.",
			string(r.For)))
	case r.For == ForActivation && r.Serial == "":
		return fault.New(fault.Invalid, "link_serial", "The serial of the token to activate is missing.")
	case r.For == ForApp && (r.Serial != "" || r.Reason != ""):
		return fault.New(fault.Invalid, "link_serial", "A link for an app creates a token: it takes neither a serial nor "+
			"a reason.")
	case r.For == ForApp && p.AppType == "":
		return fault.New(fault.Conflict, "no_app_tokens", "Users create no tokens for apps on this server.").
			WithHint("The setting is --self-service-app of the server.")
	}
	return nil
}

// IssueLink makes a link for a user. One for an activation begins it, so that its limits hold,
// and the help desk learns the activation password, which goes another way than the link.
func (s *Service) IssueLink(ctx context.Context, r LinkRequest) (l Link, err error) {
	if err := r.check(s.cfg.Policy); err != nil {
		return l, err
	}
	name, err := users.Canonical(r.User)
	if err != nil {
		return l, err
	}
	if r.For == ForActivation {
		if l.Password, err = s.beginFor(ctx, name, r); err != nil {
			return Link{}, err
		}
	}
	text := rand.Text()
	err = s.cfg.DB.Update(ctx, func(tx store.Tx) error {
		user, err := users.In(tx, name)
		if err != nil {
			return err
		}
		if err := users.MayArm(tx, name, r.Origin); err != nil {
			return err
		}
		row := s.newRow(kindLink, text, user, string(ByLink)+" "+string(r.For)+" "+r.Serial, r.Origin.Source)
		l.User, l.Expires = user.Name, row.Started.Add(linkLife)
		return errors.Join(begin(tx, row), tx.AppendAudit(audit.Entry{Time: s.cfg.Now(), Action: audit.LinkIssued,
			Outcome: audit.Done, Origin: r.Origin, Subject: audit.Subject{User: user.Name, Serial: r.Serial},
			After: []audit.Field{{Name: "expires", Value: audit.Stamp(l.Expires)},
				{Name: "for", Value: string(r.For)}, {Name: "link", Value: audit.Mark(row.ID)}}}.Canonical()))
	})
	if err != nil {
		return Link{}, err
	}
	l.Text = seal.NewSecret([]byte(text))
	return l, nil
}

// beginFor begins the activation that a link is for, and gives its password.
func (s *Service) beginFor(ctx context.Context, name string, r LinkRequest) (password seal.Secret, err error) {
	var sel tokens.Selector
	err = s.cfg.DB.View(ctx, func(rd store.Reader) error {
		user, err := users.In(rd, name)
		if err != nil {
			return err
		}
		t, err := own(rd, user, r.Serial)
		sel = selector(t)
		return err
	})
	if err != nil {
		return password, err
	}
	started, err := s.cfg.Activations.Start(ctx, activations.Request{Token: sel, Route: activations.Online,
		Reason: r.Reason, By: r.By, Origin: r.Origin})
	return seal.NewSecret([]byte(started.Password)), err
}

// UseLink uses a link up and begins the session that it is for. Whatever is wrong, the error
// is one and the same.
func (s *Service) UseLink(ctx context.Context, link, source, request string) (text string, v Session, err error) {
	if err := s.throttled(source); err != nil {
		return "", v, err
	}
	id := s.hasher.id(kindLink, link)
	if err := s.cfg.DB.View(ctx, func(r store.Reader) error { // spares the writer what is no link
		_, err := r.Session(id)
		return err
	}); err != nil {
		return "", v, s.noLink(err, source)
	}
	text = prefix + rand.Text()
	err = s.cfg.DB.Update(ctx, func(tx store.Tx) error {
		old, err := tx.Session(id)
		if err != nil {
			return err
		}
		if old.Kind != kindLink || over(old, s.cfg.Now()) {
			return store.ErrNotFound
		}
		was, err := s.alive(tx, old)
		if err != nil {
			return err
		}
		row := s.newRow(kindSession, text, was.User, old.Factor, source)
		if v, err = session(row, was.User); err != nil {
			return err
		}
		// The end of the row decides who was first.
		if err := tx.EndSession(id); err != nil {
			return err
		}
		return errors.Join(begin(tx, row), s.record(tx, audit.SelfSignedIn, v, origin(source, request)))
	})
	if err != nil {
		return "", Session{}, s.noLink(err, source)
	}
	return text, v, nil
}

func (s *Service) noLink(err error, source string) error {
	if !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
		return err
	}
	_ = s.refused(source)
	return fault.New(fault.NotFound, "self_link", "This link is unknown, used, or no longer valid.").
		WithHint("Ask the help desk for another one.").Because(err)
}
