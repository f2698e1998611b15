package lifecycle

import (
	"context"
	"crypto/rand"
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

// MaxCreate bounds how many tokens one request creates.
const MaxCreate = 10_000

// CreateRequest asks for new software tokens of a type.
type CreateRequest struct {
	Type  string
	Count int    // 1 to MaxCreate
	User  string // who gets them; empty for nobody yet
	Label string
	// Profile is the parameter sheet of tokens with an activation; empty for that
	// of the type.
	Profile string
	// Reveal gives the key URI, this once, instead of a link; for one token.
	Reveal bool
	Origin audit.Origin
}

// Created is one new token. Link is the secret part of its enrolment link, or
// URI its key URI. Of a type with an activation there is neither: the token has
// no secret until it is activated.
type Created struct {
	Token   token.Token
	Link    seal.Secret
	Expires time.Time // of the link
	URI     seal.Secret
}

// Creation is what became of a request. Missing tells how many of the tokens
// were not made, and Why: the chunks before are committed and listed.
type Creation struct {
	Tokens  []Created
	Missing int
	Why     error
}

// Create makes software tokens: PENDING until a first code proves them. Their
// serials are taken from the series together, in the first of the transactions
// that make them, chunk by chunk. An error means that nothing was made.
func (s *Service) Create(ctx context.Context, req CreateRequest) (Creation, error) {
	if err := checkCreate(req); err != nil {
		return Creation{}, err
	}
	var made Creation
	var first uint64
	for len(made.Tokens) < req.Count {
		n := min(tokens.Chunk, req.Count-len(made.Tokens))
		next, tokens, err := s.createChunk(ctx, req, first, len(made.Tokens), n)
		if err != nil && len(made.Tokens) == 0 {
			return Creation{}, err
		} else if err != nil {
			made.Missing, made.Why = req.Count-len(made.Tokens), err
			return made, nil //nolint:nilerr // stands in Why, beside what was made
		}
		first, made.Tokens = next, append(made.Tokens, tokens...)
	}
	return made, nil
}

func checkCreate(req CreateRequest) error {
	switch {
	case req.Count < 1:
		return fault.New(fault.Invalid, "count", fmt.Sprintf("%d tokens cannot be created: at least 1.", req.Count))
	case req.Count > MaxCreate:
		return fault.New(fault.Invalid, "count", fmt.Sprintf("%d tokens are more than the %d that one request creates.",
			req.Count, MaxCreate)).
			WithHint("Split them over several requests.")
	case req.Reveal && req.Count != 1:
		return fault.New(fault.Invalid, "reveal", "The secret can be shown when one token is created, not "+
			"of several.").
			WithHint("Create them one by one, or use their links.")
	}
	if err := tokens.CheckText("label", req.Label, tokens.MaxText); err != nil {
		return fault.New(fault.Invalid, "label", fault.Sentence(err.Error()))
	}
	return nil
}

// createChunk makes n tokens, the first of which is number done of the request.
// The serials of all are taken with the first chunk; first is the first of them.
func (s *Service) createChunk(ctx context.Context, req CreateRequest, first uint64, done, n int) (
	_ uint64, made []Created, err error) {
	err = s.db.Update(ctx, func(tx store.Tx) error {
		made = made[:0] // fn may run again
		typ, err := tokens.TypeIn(tx, req.Type)
		if err != nil {
			return err
		}
		if typ, err = withProfile(tx, typ, req.Profile); err != nil {
			return err
		}
		owner, err := holder(tx, req)
		if err != nil {
			return err
		}
		if done == 0 {
			if first, err = s.reserve(tx, req, owner); err != nil {
				return err
			}
		}
		id, err := tx.NextTokenID(n)
		if err != nil {
			return err
		}
		for i := range n {
			t := s.newToken(typ, typ.Serial(first+uint64(done+i)), owner, req.Label)
			t.ID = id + token.ID(i)
			c, err := s.createOne(tx, typ, t, req)
			if err != nil {
				return err
			}
			made = append(made, c)
		}
		return nil
	})
	return first, made, err
}

// holder finds the user who gets the tokens, if one is to.
func holder(r store.Reader, req CreateRequest) (store.User, error) {
	if req.User == "" {
		return store.User{}, nil
	}
	name, err := users.Canonical(req.User)
	if err == nil {
		err = users.MayArm(r, name, req.Origin)
	}
	if err != nil {
		return store.User{}, err
	}
	return users.In(r, name)
}

// reserve finds room for all tokens of the request and takes their serials.
func (s *Service) reserve(tx store.Tx, req CreateRequest, owner store.User) (first uint64, err error) {
	if owner.ID != 0 {
		if err := mayHold(tx, owner, req.Type, req.Count); err != nil {
			return 0, err
		}
	}
	return s.allocate(tx, req.Type, req.Count, req.Origin)
}

// newToken is a token as it begins, of a type as withProfile gives it. Its epoch
// is 0: no secret of it is proven.
func (s *Service) newToken(typ token.Type, serial string, owner store.User, label string) token.Token {
	t := token.Token{Kind: token.Software, Identity: token.Identity{Type: typ.Name, Serial: serial}, Spec: typ.Spec,
		Issuer: s.issuer, Label: label, Profile: typ.Profile, Created: s.stamp(), OwnerName: owner.Name,
		Condition: token.Condition{State: token.Pending, Owner: owner.ID}}
	if typ.Lifetime > 0 {
		t.Condition.NotAfter = t.Created.AddDate(0, 0, typ.Lifetime)
	}
	return t
}

// createOne draws a token's secret and writes it.
func (s *Service) createOne(tx store.Tx, typ token.Type, t token.Token, req CreateRequest) (made Created, err error) {
	made.Token = t
	secret, err := newSecret(typ)
	if err != nil {
		return made, err
	}
	defer secret.Wipe()
	sealed, err := s.keys.Seal(store.SecretBinding(t.ID), secret)
	if err != nil {
		return made, err
	}
	if t.Mark, err = s.marks.Mark(t.Spec, secret); err != nil {
		return made, err
	}
	made.Token = t
	if err := freeAccount(tx, t); err != nil {
		return made, err
	}
	if err := tx.AddToken(store.Candidate{Token: t, Sealed: sealed}); err != nil {
		return made, fmt.Errorf("add token %s: %w", t.Identity.Serial, err)
	}
	after := []audit.Field{{Name: "label", Value: t.Label}, {Name: "owner", Value: t.OwnerName},
		{Name: "secret_shown", Value: false},
		{Name: "state", Value: t.Condition.State.String()}, audit.AlgorithmField(t)}
	if !t.Condition.NotAfter.IsZero() {
		after = append(after, audit.DateFields(t.Condition)...)
	}
	if t.Profile != "" {
		after = append(after, audit.Field{Name: "profile", Value: t.Profile})
	}
	switch {
	case typ.Activation != token.NoActivation:
		if req.Reveal { // the transaction is rolled back
			return made, fault.New(fault.Invalid, "reveal", fmt.Sprintf("A token of type %s has no secret to "+
				"show: its activation creates one.", typ.Name))
		}
	case req.Reveal:
		after[2].Value = true
		made.URI, err = s.revealed(tx, t, secret)
	default:
		made.Link, made.Expires, err = s.link(tx, t)
		after = append(after, linkFields(s.hashOf(string(made.Link.Bytes())), made.Expires)...)
	}
	if err != nil {
		return made, err
	}
	return made,
		tx.AppendAudit(audit.Entry{Time: s.now(), Action: audit.TokenCreated, Outcome: audit.Done, Origin: req.Origin,
			Subject: audit.SubjectOf(t),
			After:   after}.Canonical())
}

// freeAccount refuses a token whose serial is, to its authenticator, that of another
// token of the profile, which was given another serial when it came here.
func freeAccount(r store.ActivationReader, t token.Token) error {
	if t.Profile == "" {
		return nil
	}
	here, err := r.Account(t.Profile, t.Identity.Serial, t.Run)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	return fault.New(fault.Conflict, "account_taken", fmt.Sprintf("The serial %s is in use: "+
		"the authenticator of token %s has it.", t.Identity.Serial, here.Identity.Serial)).
		WithHint("Set the series to another number: ostiary series set.")
}

// newSecret draws as many bytes as the hash has (RFC 4226 section 4, R6; RFC
// 6238 section 5.1); none where an activation is to make the secret.
func newSecret(typ token.Type) (seal.Secret, error) {
	if typ.Activation != token.NoActivation {
		return seal.Secret{}, nil
	}
	hash, err := oath.ParseHash(typ.Hash)
	if err != nil {
		return seal.Secret{}, fmt.Errorf("type %s: %w", typ.Name, err)
	}
	raw := make([]byte, hash.Size())
	_, err = rand.Read(raw)
	return seal.NewSecret(raw), err
}
