package authenticator

import (
	"context"
	"crypto/hmac"
	"errors"
	"strings"

	"ostiary/activation"
	"ostiary/internal/codec/cbor"
)

// The addresses of the online exchange on a server.
const (
	pathRequest = "/api/v1/activate"
	pathConfirm = "/api/v1/activate/confirm"
)

// exchangeLife is how long an exchange that came to nothing is kept, in seconds: as
// long as offers mostly live.
const exchangeLife = 7 * 24 * 3600

// Online is an online activation under way: the server has answered, and the user is
// to agree.
type Online struct {
	Server string
	Vector *activation.Vector
	Serial string
	Label  string // the server's proposal for the name; may be empty
	// Replaces is the account of this profile and serial that the vault has: it gets the
	// new keys. Beside are accounts of the serial that other profiles have, which stay.
	// The user is shown both issuers, and asked. Replaces is nil if there is none.
	Replaces *Account
	Beside   []Account

	vault    *Vault
	kept     *keptExchange
	delivery *activation.Delivery
	shift    int64
}

// keptExchange is an exchange as it is kept: whatever is interrupted, the same offer
// can be taken up again with it, and with nothing else.
type keptExchange struct {
	box
	exchange *activation.Exchange
	server   string
	code     activation.RegistrationCode
	begun    int64
}

// Begin takes an offer, after the user has agreed to it, and asks the server for the
// activation data. Begin the same offer again after whatever interrupted it: the
// server answers the same request once more for ten minutes.
//
// The error is [ErrUnreachable], [ErrBusy], [ErrOffer], [ErrOtherProfile],
// [ErrNotAgain], [ErrNoOther]; one of activation.NewExchange or
// activation.Exchange.Open; one of the storage; or an [AccountError] with
// [ErrUnconfirmed], where this offer has come as far as [Vault.Confirm] already, or
// with [ErrUnsettled].
func (v *Vault) Begin(ctx context.Context, offer activation.Offer) (*Online, error) {
	if _, err := offer.Encode(); err != nil {
		return nil, err // address or code is none
	}
	o := &Online{Server: offer.Server, vault: v}
	err := v.locked(func() (err error) {
		o.kept, err = v.keepExchange(offer)
		return err
	})
	if err != nil {
		return nil, err
	}
	answer, err := v.post(ctx, offer.Server+pathRequest, o.kept.exchange.Request())
	arrived := v.cfg.Now().Unix()
	if err != nil {
		return nil, err // the exchange stays: whoever can answer so need not be the server
	}
	if err := v.locked(func() error { return v.receive(o, answer, arrived) }); err != nil {
		return nil, err
	}
	return o, nil
}

// receive reads the server's answer, and reports whether it may be taken.
func (v *Vault) receive(o *Online, answer []byte, arrived int64) error {
	delivery, err := o.kept.exchange.Open(answer)
	if err != nil {
		return err
	}
	o.delivery, o.shift = delivery, delivery.Time-arrived
	o.Vector, o.Serial, o.Label = delivery.FAD.Vector, delivery.FAD.Serial, delivery.FAD.Label
	if !validShift(o.shift) {
		return activation.ErrTime
	}
	if err := v.checkVector(o.Vector); err != nil {
		return err
	}
	all, _, err := v.accounts()
	defer wipeAll(all)
	if err != nil {
		return err
	}
	old := find(all, o.Serial, o.Vector)
	o.Replaces, o.Beside = describeOthers(all, old, o.Serial)
	if err := v.mayTake(all, old, delivery); !errors.Is(err, activation.ErrERCEmpty) {
		return err
	}
	return activation.ErrCounter // it is the server's fault, not the user's
}

// Finish stores the account and proves it to the server. The password is the
// activation password, exactly where the profile has one.
//
// With [ErrRefused] nothing has changed; while there are tries left, Finish may be
// called again with another password. With [ErrUnconfirmed] the account is stored,
// and waits for [Vault.Confirm]. Other errors are those of [Vault.Activate].
func (o *Online) Finish(ctx context.Context, password Secret, choice Choice) (Account, error) {
	v := o.vault
	var account Account
	var p proof
	err := v.locked(func() error {
		a, made, err := o.store(password, choice)
		if err != nil {
			return err
		}
		defer a.wipe()
		account, p = a.describe(), made
		return nil
	})
	if err != nil {
		return Account{}, err
	}
	result, err := v.askServer(ctx, o.kept, p.body)
	if err != nil {
		return account, err
	}
	return v.settleAnswer(account.ID, p.attempt, result)
}

// store stores the account, and makes its proof.
func (o *Online) store(password Secret, choice Choice) (*account, proof, error) {
	v := o.vault
	all, _, err := v.accounts()
	defer wipeAll(all)
	if err != nil {
		return nil, proof{}, err
	}
	a, opened, err := v.newAccount(all, o.delivery, password, choice, o.shift)
	if err != nil {
		return nil, proof{}, err
	}
	defer opened.wipe()
	a.pending = &pending{server: o.Server, exchange: o.kept.id}
	if old := find(all, o.Serial, o.Vector); old != nil {
		a.pending.previous = old.settled()
	}
	p, err := v.prove(a, opened, o.kept.exchange)
	if err != nil {
		a.wipe()
		return nil, p, err
	}
	return a, p, nil
}

// Abandon forgets the activation, when the user does not agree. The offer is spent.
func (o *Online) Abandon() error {
	return o.vault.locked(func() error { return o.vault.dropExchange(o.kept.idText()) })
}

// post sends a message and returns the answer, or what its status means.
func (v *Vault) post(ctx context.Context, url string, body []byte) ([]byte, error) {
	if v.cfg.Transport == nil {
		return nil, errors.New("authenticator: Transport is required")
	}
	status, answer, err := v.cfg.Transport.Post(ctx, url, body)
	switch {
	case err != nil:
		return nil, errors.Join(ErrUnreachable, err)
	case status == 200 && len(answer) <= MaxAnswer:
		return answer, nil
	case status == 200:
		return nil, activation.ErrMessage
	case status == 429 || status >= 500:
		return nil, ErrBusy
	}
	return nil, ErrOffer
}

// keepExchange returns the kept exchange of an offer, or makes one and keeps it
// before anything is sent: once the server has seen the request, no other will do.
func (v *Vault) keepExchange(offer activation.Offer) (*keptExchange, error) {
	found, err := v.findExchange(offer)
	if err != nil {
		return nil, err
	}
	if found != nil {
		return found, v.unconfirmed(found)
	}
	exchange, err := activation.NewExchange(offer.Code, v.cfg.Device, v.cfg.Random)
	if err != nil {
		return nil, err
	}
	b, err := v.newBox()
	if err != nil {
		return nil, err
	}
	defer clear(b.key) // nothing more is sealed with it
	kept := &keptExchange{box: b, exchange: exchange, server: offer.Server, code: offer.Code, begun: v.unix()}
	plain, err := kept.encode()
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	record, err := v.seal(&kept.box, labelExchange, plain)
	if err != nil {
		return nil, err
	}
	return kept, v.cfg.Storage.Write(kept.idText()+exchangeSuffix, record)
}

// unconfirmed reports whether an account waits for the answer to its proof in an
// exchange.
func (v *Vault) unconfirmed(kept *keptExchange) error {
	all, _, err := v.accounts()
	defer wipeAll(all)
	for _, a := range all {
		if a.pending != nil && a.pending.exchange == kept.id {
			return &AccountError{a.idText(), ErrUnconfirmed}
		}
	}
	return err
}

// findExchange returns the kept exchange of an offer, or nil, and removes those that
// are too old or cannot be read: nothing is lost with them that lasts. Those that an
// unconfirmed account waits for stay.
func (v *Vault) findExchange(offer activation.Offer) (found *keptExchange, err error) {
	names, err := v.cfg.Storage.List()
	if err != nil {
		return nil, err
	}
	awaited, err := v.awaitedExchanges()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		id, ok := strings.CutSuffix(name, exchangeSuffix)
		if !ok || !validID(id) {
			continue
		}
		kept, err := v.loadExchange(id)
		age := int64(0)
		if err == nil {
			age = v.cfg.Now().Unix() - kept.begun
		}
		switch {
		case errors.Is(err, ErrDamaged) || age > exchangeLife && !awaited[id]:
			if err := v.cfg.Storage.Remove(name); err != nil {
				return nil, err
			}
		case err != nil:
			return nil, err
		case kept.server == offer.Server && hmac.Equal(kept.code.Text(), offer.Code.Text()):
			found = kept
		}
	}
	return found, nil
}

// awaitedExchanges are the ids of the exchanges of unconfirmed accounts.
func (v *Vault) awaitedExchanges() (map[string]bool, error) {
	all, _, err := v.accounts()
	defer wipeAll(all)
	awaited := map[string]bool{}
	for _, a := range all {
		if a.pending != nil && !a.pending.typed() {
			awaited[a.pending.exchangeText()] = true
		}
	}
	return awaited, err
}

func (v *Vault) loadExchange(id string) (*keptExchange, error) {
	record, err := v.cfg.Storage.Read(id + exchangeSuffix)
	if err != nil {
		return nil, err
	}
	b, plain, err := v.open(record, id, labelExchange)
	if err != nil {
		return nil, err
	}
	defer clear(b.key) // nothing more is sealed with it
	defer clear(plain)
	return decodeExchange(b, plain)
}

func (v *Vault) dropExchange(id string) error { return v.cfg.Storage.Remove(id + exchangeSuffix) }

func (k *keptExchange) encode() (Secret, error) {
	state, err := k.exchange.State()
	if err != nil {
		return nil, err
	}
	defer clear(state)
	b := cbor.AppendMap(nil, 5)
	b = cbor.AppendUint(cbor.AppendUint(b, 0), formatVersion)
	b = cbor.AppendText(cbor.AppendUint(b, 1), k.server)
	b = cbor.AppendText(cbor.AppendUint(b, 2), string(k.code.Text()))
	b = cbor.AppendUint(cbor.AppendUint(b, 3), uint64(k.begun))
	return cbor.AppendBytes(cbor.AppendUint(b, 4), state), nil
}

// decodeExchange reads what encode wrote. Anything else is [ErrDamaged].
func decodeExchange(b box, plain []byte) (*keptExchange, error) {
	k := &keptExchange{box: b}
	d := cbor.NewDecoder(plain)
	d.Map()
	d.Key(0)
	if d.Uint() != uint64(b.version) {
		d.Fail(ErrDamaged)
	}
	d.Key(1)
	k.server = d.Text()
	d.Key(2)
	code := d.Text()
	d.Key(3)
	k.begun = moment(d)
	d.Key(4)
	state := d.Bytes()
	defer clear(state)
	d.Close()
	if d.End() != nil {
		return nil, ErrDamaged
	}
	var err, bad error
	k.code, err = activation.ParseRegistrationCode(code)
	if k.exchange, bad = activation.ResumeExchange(state); err != nil || bad != nil {
		return nil, ErrDamaged
	}
	return k, nil
}
