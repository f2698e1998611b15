// Package browser runs the scripts of web/test: each drives Chromium by playwright-core
// through pages that the calling test serves. Only tests import it.
//
// The scripts fail by themselves on whatever a page logs as an error, on a refusal by its
// policy, and on a request to another server. They leave pictures of what they saw in
// bin/screenshots, to be looked at.
//
// Where there is no browser, the tests are skipped and say what to install; make test,
// which installs it, sets OSTIARY_BROWSER=required, and then they fail.
package browser

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// patience is when a script is given up. No correct run comes near it.
const patience = 8 * time.Minute

// Run runs a script with what it needs to know, such as the address of a server.
func Run(t testing.TB, script string, args ...string) {
	t.Helper()
	root := rootOf(t)
	chromium := need(t, root)
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	cmd := exec.CommandContext(ctx, node(root), append([]string{filepath.Join(root, "web", "test", script)}, args...)...)
	cmd.Env = append(os.Environ(), "OSTIARY_CHROMIUM="+chromium,
		"OSTIARY_SCREENSHOTS="+filepath.Join(root, "bin", "screenshots"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", script, err, out)
	}
}

// node is the one that web/package.json brings, because Debian's may be too old for what
// drives the browser; else whichever there is.
func node(root string) string {
	own := filepath.Join(root, "web", "node_modules", ".bin", "node")
	if _, err := os.Stat(own); err != nil {
		return "node"
	}
	return own
}

// need finds Chromium, and skips the test where it or what drives it is missing.
func need(t testing.TB, root string) (chromium string) {
	t.Helper()
	missing := ""
	if _, err := exec.LookPath(node(root)); err != nil {
		missing = "node"
	}
	if _, err := os.Stat(filepath.Join(root, "web", "node_modules", "playwright-core")); err != nil {
		missing = "what web/package.json names"
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		missing = "chromium"
	}
	switch {
	case missing == "":
	case os.Getenv("OSTIARY_BROWSER") == "required":
		t.Fatalf("the test needs %s: make tools", missing)
	default:
		t.Skipf("the test needs %s: make tools", missing)
	}
	return chromium
}

// rootOf is the folder of the module, above that of the test.
func rootOf(t testing.TB) string {
	t.Helper()
	folder, err := os.Getwd()
	for err == nil && folder != filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
		folder = filepath.Dir(folder)
	}
	t.Fatalf("no go.mod above the test: %v", err)
	return ""
}
