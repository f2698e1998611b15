package lifecycle

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/engine/users"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/oath"
)

const (
	linkLife   = 30 * time.Minute // from its making until it must be used
	ticketLife = 30 * time.Minute // from then until the first code must be there
)

// secretText is 130 random bits and the keyed hash under which they are stored.
func (s *Service) secretText() (text seal.Secret, hash []byte) {
	text = seal.NewSecret([]byte(rand.Text()))
	return text, s.hashOf(string(text.Bytes()))
}

// hashOf is the keyed hash of a link's or ticket's text. It is over the SHA-256,
// because that is what older databases hold.
func (s *Service) hashOf(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	keyed := s.links.Sum(sum[:])
	return keyed[:]
}

// link opens the enrolment of a new token.
func (s *Service) link(tx store.Tx, t token.Token) (seal.Secret, time.Time, error) {
	text, hash := s.secretText()
	expires := s.stamp().Add(linkLife)
	return text, expires, tx.AddEnrolment(store.Enrolment{Token: t.ID, Hash: hash, Expires: expires})
}

// linkFields are what an entry tells of a link or a ticket.
func linkFields(hash []byte, expires time.Time) []audit.Field {
	return []audit.Field{{Name: "link_expires", Value: audit.Stamp(expires)},
		{Name: "link_hash", Value: audit.Mark(hash)}}
}

// revealed gives the key URI of a new token and remembers that it did.
func (s *Service) revealed(tx store.Tx, t token.Token, secret seal.Secret) (seal.Secret, error) {
	uri, _, err := s.keyURI(t, secret)
	if err != nil {
		return uri, err
	}
	return uri, tx.AddEnrolment(store.Enrolment{Token: t.ID, Shown: s.now()})
}

// keyURI writes the otpauth URI of a token. The account is its user, or its
// serial where there is none or the name does not fit a URI.
func (s *Service) keyURI(t token.Token, secret seal.Secret) (uri seal.Secret, account string, err error) {
	hash, err := oath.ParseHash(t.Spec.Hash)
	if err != nil {
		return uri, "", fmt.Errorf("token %d: %w", t.ID, err)
	}
	u := oath.URI{Type: oath.TypeTOTP, Issuer: t.Issuer, Secret: oath.NewSecret(secret.Bytes()), Hash: hash,
		Digits: t.Spec.Digits, Period: t.Spec.Period}
	defer u.Secret.Wipe()
	if t.Spec.Algorithm == token.HOTP {
		u.Type, u.Counter = oath.TypeHOTP, t.Condition.Next
	}
	for _, u.Account = range []string{t.OwnerName, t.Identity.Serial} {
		var text string
		if text, err = u.Encode(); err == nil {
			return seal.NewSecret([]byte(text)), u.Account, nil
		}
	}
	return uri, "", fmt.Errorf("key URI of token %d: %w", t.ID, err)
}

// RenewLink gives a new enrolment link for a PENDING token whose secret was not
// shown yet, and ends the one before.
func (s *Service) RenewLink(ctx context.Context, sel tokens.Selector, origin audit.Origin) (link seal.Secret,
	expires time.Time, err error) {
	err = s.update(ctx, sel, origin, func(tx store.Tx, t *token.Token) (audit.Entry, error) {
		if err := users.MayArm(tx, t.OwnerName, origin); err != nil {
			return audit.Entry{}, err
		}
		text, hash := s.secretText()
		link, expires = text, s.stamp().Add(linkLife)
		err := tx.RenewEnrolment(t.ID, hash, expires)
		if errors.Is(err, store.ErrConflict) {
			err = noLink(*t).Because(err)
		}
		return audit.Entry{Action: audit.EnrolmentRenewed, Subject: audit.SubjectOf(*t),
				After: linkFields(hash, expires)},
			err
	})
	if err != nil {
		return seal.Secret{}, time.Time{}, err
	}
	return link, expires, nil
}

// noLink says why there is no link for a token.
func noLink(t token.Token) *fault.Error {
	serial := t.Identity.Serial
	if t.Condition.State != token.Pending {
		return fault.New(fault.Conflict, "not_pending", fmt.Sprintf("Token %s is %s: only a PENDING token is enrolled.",
			serial, t.Condition.State))
	}
	return fault.New(fault.Conflict, "secret_shown",
		fmt.Sprintf("Token %s has no secret that can be shown: it was already shown, or an activation will create it.",
			serial)).
		WithHint("A secret is shown once. If it was lost, delete the token and create another.")
}

// Shown is what an enrolment link shows, once.
type Shown struct {
	Token   token.Token
	Account string
	URI     seal.Secret
	// Ticket lets its holder present first codes of this token until Expires.
	Ticket  seal.Secret
	Expires time.Time
}

// ShowSecret uses up an enrolment link: it gives the key URI once the use is
// committed. The error for a link that is unknown, used or expired, or whose
// token is PENDING no more, is one and the same.
func (s *Service) ShowSecret(ctx context.Context, link string, origin audit.Origin) (shown Shown, err error) {
	hash := s.hashOf(link)
	if err := s.db.View(ctx, func(r store.Reader) error { // spares the writer what is no link
		_, err := r.Enrolment(hash)
		return err
	}); err != nil {
		return Shown{}, linkFault(err)
	}
	err = s.db.Update(ctx, func(tx store.Tx) error {
		ticket, ticketHash := s.secretText()
		now := s.stamp()
		id, err := tx.ShowEnrolment(hash, now, ticketHash, now.Add(ticketLife))
		if err != nil {
			return err
		}
		if shown, err = s.open(tx, id); err != nil {
			return err
		}
		shown.Ticket, shown.Expires = ticket, now.Add(ticketLife)
		return tx.AppendAudit(audit.Entry{Time: now, Action: audit.EnrolmentShown, Outcome: audit.Done, Origin: origin,
			Subject: audit.SubjectOf(shown.Token), Before: []audit.Field{{Name: "link_hash", Value: audit.Mark(hash)}},
			After: linkFields(ticketHash, shown.Expires)}.Canonical())
	})
	if err != nil {
		return Shown{}, linkFault(err)
	}
	return shown, nil
}

// open reads a token's secret into a key URI.
func (s *Service) open(r store.TokenReader, id token.ID) (Shown, error) {
	c, err := tokens.WithSecret(r, id)
	if err != nil {
		return Shown{}, err
	}
	secret, err := tokens.OpenSecret(s.keys, c)
	if err != nil {
		return Shown{}, err
	}
	defer secret.Wipe()
	uri, account, err := s.keyURI(c.Token, secret)
	return Shown{Token: c.Token, Account: account, URI: uri}, err
}

// TicketToken names the token whose first code a ticket lets present.
func (s *Service) TicketToken(ctx context.Context, ticket string) (id token.Identity, err error) {
	err = s.db.View(ctx, func(r store.Reader) error {
		e, err := r.Enrolment(s.hashOf(ticket))
		if err == nil && (e.Shown.IsZero() || !s.now().Before(e.Expires)) {
			err = store.ErrNotFound
		}
		if err != nil {
			return err
		}
		c, err := tokens.WithSecret(r, e.Token)
		id = c.Token.Identity
		return err
	})
	if err != nil {
		return token.Identity{}, linkFault(err)
	}
	return id, nil
}

func linkFault(err error) error {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrForged) {
		return fault.New(fault.NotFound, "link_invalid", "This link is not valid, or no longer valid: it works once, "+
			"and only for a short time.").
			WithHint("Ask the person who gave it to you for another one.").Because(err)
	}
	return err
}
