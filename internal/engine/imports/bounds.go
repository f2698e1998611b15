package imports

import (
	"fmt"

	"ostiary/pskc"
)

// What a file may ask for by a switch of its own, as devices have it and mistakes look
// like it.
const (
	leastSecret = pskc.ShortSecret // with ShortSecrets
	usualStep   = 3600             // seconds, without LongSteps
)

// usualSteps refuses the keys of a source whose time step is longer than an hour: few
// devices have one, and a step in milliseconds looks like it. What an Ostiary wrote
// itself is taken.
type usualSteps struct{ KeySource }

func (s usualSteps) Next() (*pskc.Key, error) {
	k, err := s.KeySource.Next()
	if err != nil || k.Kind != pskc.TOTP || !k.HasInterval || k.Interval <= usualStep || len(k.Record) > 0 {
		return k, err
	}
	clear(k.Secret)
	why := fmt.Sprintf("its time step of %d seconds is longer than an hour; --allow-long-steps accepts it", k.Interval)
	if k.Interval%1000 == 0 {
		why = fmt.Sprintf("its time step of %d seconds looks like milliseconds: %d seconds are written %[2]d "+
			"(--allow-long-steps accepts it as it is)", k.Interval, k.Interval/1000)
	}
	return nil, &pskc.KeyError{ID: k.ID, Serial: k.Serial, Manufacturer: k.Manufacturer, Line: k.Line, Reason: why}
}

// isShort tells whether a key has fewer than the 128 bits that RFC 4226 demands.
func isShort(k *pskc.Key) bool {
	return k.Kind != pskc.PIN && len(k.Secret) > 0 && len(k.Secret) < pskc.DefaultMinSecret
}
