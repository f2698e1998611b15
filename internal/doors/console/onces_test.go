package console

import (
	"errors"
	"testing"
)

// A form is done once, also while it is being done; one that failed may be sent again.
func TestOnces(t *testing.T) {
	t.Parallel()
	var o onces
	done := 0
	do := func() error { done++; return nil }
	name := o.make()
	wrong := errors.New("wrong")
	if err := o.use(name, func() error { return wrong }); !errors.Is(err, wrong) {
		t.Errorf("a form that fails says %v", err)
	}
	if err := o.use(name, func() error {
		if err := o.use(name, do); err == nil {
			t.Error("the form is done again while it is being done")
		}
		return do()
	}); err != nil || done != 1 {
		t.Errorf("done %d times, %v", done, err)
	}
	if err := o.use(name, do); err == nil {
		t.Error("the form is done again")
	}
	if err := o.use("", do); err == nil || done != 1 {
		t.Error("a form without a name is done")
	}
	if err := o.use(o.make(), do); err != nil || done != 2 {
		t.Errorf("another form is not done: %v", err)
	}
}
