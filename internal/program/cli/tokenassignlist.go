package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/formats/seedfile"
)

// assignRow is what became of one row of an assignment list.
type assignRow struct {
	Line    int    `json:"line"`
	Serial  string `json:"serial"`
	User    string `json:"user,omitempty"`
	Outcome string `json:"outcome"` // assigned, unchanged, refused
	Reason  string `json:"reason,omitempty"`
}

type assignReport struct {
	Assigned  int         `json:"assigned"`
	Unchanged int         `json:"unchanged"`
	Refused   int         `json:"refused"`
	DryRun    bool        `json:"dry_run,omitempty"`
	Rows      []assignRow `json:"rows"`
}

// assignList carries out an assignment list row by row: what one row cannot do
// does not keep another from being done.
func (a *app) assignList(ctx context.Context, c *client.Client, path string, createUsers, dryRun bool) error {
	file, _, err := a.open(path)
	if err != nil {
		return err
	}
	list, bad, err := seedfile.ReadAssignments(file, seedfile.Options{})
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	rep := assignReport{DryRun: dryRun, Rows: []assignRow{}}
	for _, b := range bad {
		rep.add(assignRow{Line: b.Line, Serial: b.Serial, Outcome: "refused", Reason: b.Reason})
	}
	for _, as := range list {
		row := assignRow{Line: as.Line, Serial: as.Serial, User: as.User}
		row.Outcome, err = assignOne(ctx, c, as, createUsers, dryRun)
		if e, refused := errors.AsType[*client.Error](err); refused {
			row.Outcome, row.Reason = "refused", e.Error()
		} else if err != nil {
			return fmt.Errorf("line %d: %w (the rows before it are done)", as.Line, err)
		}
		rep.add(row)
	}
	return a.showAssigned(rep)
}

func (r *assignReport) add(row assignRow) {
	switch row.Outcome {
	case "assigned":
		r.Assigned++
	case "unchanged":
		r.Unchanged++
	default:
		r.Refused++
	}
	r.Rows = append(r.Rows, row)
}

// assignOne gives a token to the user of a row.
func assignOne(ctx context.Context, c *client.Client, as seedfile.Assignment, createUsers, dryRun bool) (
	outcome string, err error) {
	which := client.Selector{Serial: as.Serial, Type: strings.ToLower(string(as.Kind))}
	t, err := c.Token(ctx, which)
	if err != nil {
		return "", err
	}
	if t.User != "" && strings.EqualFold(t.User, as.User) {
		return "unchanged", nil
	}
	_, err = c.User(ctx, as.User)
	if e, ok := errors.AsType[*client.Error](err); ok && e.Code == "user_not_found" && createUsers {
		err = nil
		if !dryRun {
			_, err = c.AddUser(ctx, as.User)
		}
	}
	switch {
	case err != nil:
		return "", err
	case t.User != "":
		return "",
			&client.Error{Problem: wire.Problem{Detail: fmt.Sprintf("Token %s is assigned to %s.", t.Serial, t.User)}}
	case dryRun:
		return "assigned", nil
	}
	_, err = c.Assign(ctx, which, as.User)
	return "assigned", err
}

func (a *app) showAssigned(rep assignReport) error {
	if a.json {
		if err := a.printJSON(rep); err != nil {
			return err
		}
	} else {
		done := "assigned"
		if rep.DryRun {
			done = "would be assigned"
		}
		if _, err := fmt.Fprintf(a.Stdout, "%d %s, %d unchanged, %d refused\n", rep.Assigned, done, rep.Unchanged,
			rep.Refused); err != nil {
			return err
		}
		out := newTable(a.Stdout)
		head := false
		for _, r := range rep.Rows {
			if r.Outcome != "refused" {
				continue
			}
			if !head {
				out.row("LINE", "SERIAL", "USER", "REASON")
				head = true
			}
			out.row(strconv.Itoa(r.Line), r.Serial, r.User, r.Reason)
		}
		if err := out.flush(); err != nil {
			return err
		}
	}
	if rep.Refused > 0 {
		return errNo
	}
	return nil
}
