package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// A password that is typed is typed twice alike, or nothing is sent.
func TestPasswordIsTypedTwice(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		typed []string
		err   error
		want  string
	}{
		{[]string{"four unlikely green umbrellas", "four unlikely green umbrellas"}, nil, ""},
		{[]string{"four unlikely green umbrellas", "four unlikely green umbrella"}, nil, "are different"},
		{[]string{""}, context.Canceled, "canceled"},
	} {
		asked := 0
		a := &app{Env: &Env{Ask: func(context.Context, string) ([]byte, error) {
			asked++
			return []byte(tt.typed[asked-1]), tt.err
		}}}
		password, err := a.newPassword(newRootSetPassword(a), "")
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v", tt.typed, err)
		}
		if err == nil && !bytes.Equal(password, []byte(tt.typed[0])) || err != nil && password != nil {
			t.Errorf("%q: read %q", tt.typed, password)
		}
		if asked != len(tt.typed) {
			t.Errorf("%q: asked %d times", tt.typed, asked)
		}
	}
}
