package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ostiary/internal/core/audit"
	"ostiary/internal/doors/client"
	"ostiary/internal/program/cmdline"
)

// actors are what the name of an actor may be; what ends in a colon is followed by the
// name of a key or the number of a user. Older versions wrote "server" for "system".
var actors = []string{"key:", "local:", "ROOT", "system", "enrolment", "device", "server"}

// actorForms is the same for people.
const actorForms = "key:NAME, local:UID, ROOT, system, enrolment, device"

func newAuditActions(a *app) *cobra.Command {
	return a.addCSV(&cobra.Command{
		Use:   "actions",
		Short: "List the actions of the audit log",
		Long: `List the actions of the audit log, and what their entries record. No server is
needed.`,
		Example: `  ostiary audit actions
  ostiary audit actions --json`,
		Args: cmdline.Arguments(),
		RunE: func(*cobra.Command, []string) error {
			type described struct {
				Action string `json:"action"`
				Tells  string `json:"tells"`
			}
			var all []described
			for _, action := range audit.Actions() {
				all = append(all, described{string(action), action.Tells()})
			}
			if a.json {
				return a.printJSON(map[string]any{"actions": all})
			}
			out := a.listTable("ACTION", "TELLS THAT")
			for _, d := range all {
				out.row(d.Action, d.Tells)
			}
			return out.flush()
		},
	})
}

// knownFacets refuses an action and an actor that no entry can have.
func knownFacets(cmd *cobra.Command, f client.AuditFilter) error {
	if f.Action != "" && audit.Action(f.Action).Tells() == "" {
		hint := "ostiary audit actions lists them"
		if near := nearActions(f.Action); len(near) > 0 {
			names := make([]string, len(near))
			for i, action := range near {
				names[i] = string(action)
			}
			hint = "did you mean " + strings.Join(names, " or ") + "? " + hint
		}
		return cmdline.Mistakef(cmd, "--action %s: there is no such action; %s", cmdline.ShellQuote(f.Action), hint)
	}
	fits := func(form string) bool {
		return f.Actor == form || strings.HasSuffix(form, ":") && strings.HasPrefix(f.Actor, form)
	}
	if f.Actor != "" && !slices.ContainsFunc(actors, fits) {
		return cmdline.Mistakef(cmd, "--actor %s: an actor is one of %s", cmdline.ShellQuote(f.Actor), actorForms)
	}
	return nil
}

// nearActions gives up to three actions that a wrong name may mean: those nearest by
// letters, or else those whose verb begins likewise.
func nearActions(name string) (near []audit.Action) {
	name = strings.ToLower(name)
	least := 4 // more wrong letters are another word
	for _, action := range audit.Actions() {
		switch d := distance(name, string(action)); {
		case d < least:
			least, near = d, []audit.Action{action}
		case d == least && least < 4:
			near = append(near, action)
		}
	}
	if len(near) == 0 {
		word := name[strings.LastIndexAny(name, ". _")+1:]
		for _, action := range audit.Actions() {
			_, verb, _ := strings.Cut(string(action), ".")
			if n := min(len(word), len(verb), 5); n > 2 && word[:n] == verb[:n] {
				near = append(near, action)
			}
		}
	}
	return near[:min(len(near), 3)]
}

// distance counts the letters to put in, take out or change between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0]++
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// nothingFits says that a filter found nothing, and where its words can be looked up.
func nothingFits(f client.AuditFilter, after string) string {
	switch {
	case f == (client.AuditFilter{}) || after != "":
		return "No further entries."
	case f == (client.AuditFilter{Serial: f.Serial}):
		return "No entry is about a token " + cmdline.Printable(f.Serial) + ". ostiary token list shows the serials."
	case f == (client.AuditFilter{User: f.User}):
		return "No entry is about a user " + cmdline.Printable(f.User) + ". ostiary user list shows the users."
	case f == (client.AuditFilter{Actor: f.Actor}) || f == (client.AuditFilter{ActorID: f.ActorID}):
		return "No entry has this actor. ostiary key list shows the keys and their ids."
	}
	return "No entry matches all filters."
}
