package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// link is a link in prose: what stands between the parentheses. Its text may be
	// broken over two lines.
	link = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	// formatting is what a heading has that its anchor has not.
	formatting = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestLinks: every link from one document to another, or to a heading, hits it.
func TestLinks(t *testing.T) {
	t.Parallel()
	pages := []string{filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md"),
		filepath.Join(root, "CHANGELOG.md")}
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, page := range append(pages, docs...) {
		for _, m := range link.FindAllStringSubmatch(prose(t, page), -1) {
			target := m[1]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			checked++
			file, anchor, named := strings.Cut(target, "#")
			path := page
			if file != "" {
				path = filepath.Join(filepath.Dir(page), file)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: the link %s hits no file", filepath.Base(page), target)
			} else if named && !anchors(t, path)[anchor] {
				t.Errorf("%s: the link %s hits no heading", filepath.Base(page), target)
			}
		}
	}
	if checked < 60 {
		t.Errorf("%d links were found", checked)
	}
}

// prose is a document without its examples.
func prose(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	example := false
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "```") {
			example = !example
		} else if !example {
			out.WriteString(line)
		}
	}
	return out.String()
}

// anchors are those of the headings of a document, made as GitHub makes them.
func anchors(t *testing.T, page string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for line := range strings.Lines(prose(t, page)) {
		heading, found := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !found || !strings.HasPrefix(line, "#") {
			continue
		}
		heading = formatting.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
		all[strings.ReplaceAll(heading, " ", "-")] = true
	}
	return all
}
