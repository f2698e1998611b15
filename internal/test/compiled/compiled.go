// Package compiled tells tests that read sources which file is compiled in the place of
// another: while a mutation is tried (tools/mutate), GOFLAGS names an overlay.
package compiled

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

var overlay = sync.OnceValue(func() (o struct{ Replace map[string]string }) {
	for _, flag := range strings.Fields(os.Getenv("GOFLAGS")) {
		if name, ok := strings.CutPrefix(flag, "-overlay="); ok {
			if text, err := os.ReadFile(name); err != nil || json.Unmarshal(text, &o) != nil {
				panic("the overlay of GOFLAGS cannot be read: " + name)
			}
		}
	}
	return o
})

// File gives the file that is compiled in the place of another: most often itself.
func File(name string) string {
	abs, err := filepath.Abs(name)
	if err != nil {
		return name
	}
	return cmp.Or(overlay().Replace[abs], name)
}
