package console

import (
	"crypto/rand"
	"sync"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/lru"
)

// onces remember which forms were sent whose answer shows something this once. Their answer
// is the page itself, since no address may hold what it shows; so a browser that loads the
// page again sends the form again, and would be given new codes for the old ones. A node
// remembers its own: elsewhere the browser's question is all that keeps a form from being
// sent twice.
type onces struct {
	mu   sync.Mutex
	sent *lru.Cache[string, struct{}]
}

// maxOnces bounds how many forms are remembered.
const maxOnces = 10_000

// make names a form.
func (o *onces) make() string { return rand.Text() }

// use does what a form asks, unless the form was sent before and something was done.
func (o *onces) use(form string, do func() error) error {
	o.mu.Lock()
	if o.sent == nil {
		o.sent = lru.New[string, struct{}](maxOnces, nil)
	}
	_, before := o.sent.Get(form)
	o.sent.Add(form, struct{}{})
	o.mu.Unlock()
	if before || form == "" {
		return fault.New(fault.Conflict, "form_sent", "This form was sent before, and what it gave is shown only once.").
			WithHint("Look at what was done. To do it again, send this form now.")
	}
	err := do()
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.sent.Remove(form)
	}
	return err
}
