package events

import "context"

// Turn tries once what is due by the first way.
func (o *Outbox) Turn(ctx context.Context) (tried, taken int, err error) {
	return o.turn(ctx, o.ways[0])
}

// Tidy ends what is too old.
func (o *Outbox) Tidy(ctx context.Context) { o.tidy(ctx) }

// What a row may be.
const (
	MaxAge   = maxAge
	ClaimFor = claimFor
	Patience = patience
)
