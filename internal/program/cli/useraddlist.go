package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/users"
	"ostiary/internal/formats/seedfile"
	"ostiary/internal/program/cmdline"
)

// addedRow is what became of one row of a list of users.
type addedRow struct {
	Line int `json:"line"`
	wire.UserListEntry
}

type addedReport struct {
	Added   int        `json:"added"`
	There   int        `json:"there"`
	Refused int        `json:"refused"`
	DryRun  bool       `json:"dry_run,omitempty"`
	Applied bool       `json:"applied"`
	Rows    []addedRow `json:"rows"`
}

func (r *addedReport) add(row addedRow) {
	switch row.Outcome {
	case string(users.Added):
		r.Added++
	case string(users.There):
		r.There++
	default:
		r.Refused++
	}
	r.Rows = append(r.Rows, row)
}

// addUserList adds the users of a list. The server takes it in parts, so all of it is
// looked at before the first part is added.
func (a *app) addUserList(ctx context.Context, c *client.Client, path string, dryRun, skipBad bool) error {
	file, _, err := a.open(path)
	if err != nil {
		return err
	}
	list, err := seedfile.ReadUsers(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if len(list.PassedOver) > 0 {
		a.note("Ignored columns: %s", strings.Join(list.PassedOver, ", "))
	}
	var done atomic.Int64
	p := startProgress(a.Stderr, func(time.Duration) string {
		return fmt.Sprintf("%d of %s checked or added", done.Load(), cmdline.Plural(len(list.Users), "user", "users"))
	})
	rep, err := sendUsers(ctx, c, list, wire.UserListRequest{DryRun: true, SkipBad: skipBad}, &done)
	if err == nil && !dryRun && (rep.Refused == 0 || skipBad) {
		done.Store(0)
		rep, err = sendUsers(ctx, c, list, wire.UserListRequest{SkipBad: skipBad}, &done)
		if err != nil && rep.Added > 0 {
			err = cmdline.WithHint(fmt.Errorf("%w (the first %s are added)", err,
				cmdline.Plural(rep.Added, "user", "users")), "run the command again: users who already exist are not an error")
		}
		rep.Applied = true
	}
	p.stop()
	if err != nil {
		return err
	}
	rep.DryRun = dryRun
	slices.SortStableFunc(rep.Rows, func(a, b addedRow) int { return a.Line - b.Line })
	return a.showAdded(rep)
}

// sendUsers sends a list in parts that the server takes at once.
func sendUsers(ctx context.Context, c *client.Client, list seedfile.UserList, req wire.UserListRequest,
	done *atomic.Int64) (rep addedReport, err error) {
	rep.Rows = []addedRow{}
	for _, b := range list.Refused {
		rep.add(addedRow{b.Line, wire.UserListEntry{Outcome: string(users.Refused), Reason: b.Reason}})
	}
	first := map[string]addedRow{} // of the rows that mean a user, the first
	for from := 0; from < len(list.Users); from += users.MaxList {
		part := list.Users[from:min(from+users.MaxList, len(list.Users))]
		req.Users = make([]string, len(part))
		for i, u := range part {
			req.Users[i] = u.Name
		}
		answer, err := c.AddUsers(ctx, req)
		if err != nil {
			return rep, err
		}
		if len(answer.Users) != len(part) {
			return rep, errors.New("the server's answer is not about these users")
		}
		for i, e := range answer.Users {
			row := addedRow{part[i].Line, e}
			if before, twice := first[e.User]; twice && e.User != "" {
				row.Outcome = string(users.There)
				row.Reason = fmt.Sprintf("the user of line %d", before.Line)
				if before.Name != row.Name {
					row.Reason += ", " + before.Name
				}
			} else {
				first[e.User] = row
			}
			rep.add(row)
		}
		done.Add(int64(len(part)))
	}
	return rep, nil
}

func (a *app) showAdded(rep addedReport) error {
	if a.json {
		if err := a.printJSON(rep); err != nil {
			return err
		}
	} else {
		done := "added"
		if !rep.Applied {
			done = "would be added"
		}
		if _, err := fmt.Fprintf(a.Stdout, "%d %s, %d already there, %d refused\n", rep.Added, done, rep.There,
			rep.Refused); err != nil {
			return err
		}
		out := newTable(a.Stdout)
		head := false
		for _, r := range rep.Rows {
			if r.Reason == "" {
				continue
			}
			if !head {
				out.row("LINE", "NAME", "OUTCOME", "REASON")
				head = true
			}
			out.row(strconv.Itoa(r.Line), r.Name, r.Outcome, r.Reason)
		}
		if err := out.flush(); err != nil {
			return err
		}
	}
	if rep.Refused == 0 {
		return nil
	}
	if !rep.Applied && !rep.DryRun {
		a.note("Nobody was added. Correct the list, or skip refused rows: --skip-bad")
	}
	return errNo
}
