package console

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
	"ostiary/internal/doors/look/chart"
	"ostiary/internal/engine/overview"
	"ostiary/internal/store"
)

func (c *Console) dashboardPages() []page {
	return []page{{"GET /" + dashboardPath, authz.TokenView, "count-tokens", (*visit).dashboard}}
}

// dashboard is the page of what was counted. A number leads to the view that it counts.
type dashboard struct {
	AsOf   moment
	Notes  []look.Note
	Steps  []step
	Tiles  []tile
	Panels []panel
}

// tile is a number that matters.
type tile struct {
	look.Link
	Number string
	Tone   look.Tone
}

// panel is a chart or two, with the table beside.
type panel struct {
	Title, Means string
	Charts       []drawing
	Table        look.Table
	Nothing      string // in place of both
}

// drawing is a chart; the caption is what it shows, where a panel has several.
type drawing struct {
	Caption string
	Chart   look.Image
}

// step is one of the first with a new server.
type step struct {
	Done  bool
	What  string
	How   string
	Where *look.Link
}

func (v *visit) dashboard() {
	var counted overview.Tokens
	var recent overview.Recent
	err := v.cfg.Rest.Turn(v.r.Context(), v.session.Principal, func(ctx context.Context) (err error) {
		if counted, err = v.cfg.Overview.Tokens(ctx); err == nil {
			recent, err = v.cfg.Overview.Recent(ctx)
		}
		return err
	})
	if err != nil {
		v.fail(err)
		return
	}
	// The list of hardware tokens is what numbers lead to.
	hard, soft := counted.Summary(token.Hardware), counted.Summary(token.Software)
	d := dashboard{AsOf: at(counted.AsOf), Steps: v.steps(recent.First), Tiles: v.tiles(hard, recent)}
	if !counted.Whole {
		d.Notes = append(d.Notes, look.Note{What: "The tokens are still being counted",
			Means: "There are many. Open the page again in a moment."})
	}
	if !recent.Whole {
		d.Notes = append(d.Notes, look.Note{What: "Codes of former days are still being counted",
			Means: "The index of the log is made anew, in the background."})
	}
	if v.may(authz.AuditView) {
		d.Panels = append(d.Panels, v.codesPanel(recent), v.reasonsPanel(recent))
	}
	d.Panels = append(d.Panels,
		v.sumPanel("Hardware tokens by state", hard, func(s overview.Sum) (string, string) {
			return stateWords[s.State].Word, query("state", s.State.String())
		}, everything),
		v.sumPanel("Hardware tokens by type", hard, func(s overview.Sum) (string, string) {
			return s.Type, query("type", s.Type)
		}, everything),
		v.sumPanel("Stock by type", hard, func(s overview.Sum) (string, string) {
			return s.Type, query("type", s.Type, "stock", "yes", "state", token.Valid.String())
		}, func(s overview.Sum) bool { return !s.Held && s.State == token.Valid }),
		v.riskPanel(hard))
	if len(soft.Sums) > 0 {
		d.Panels = append(d.Panels, v.sumPanel("Software tokens by state", soft, func(s overview.Sum) (string, string) {
			return stateWords[s.State].Word, ""
		}, everything))
	}
	v.show(look.Page{Name: "dashboard", Title: "Dashboard", Body: d})
}

func everything(overview.Sum) bool { return true }

func (v *visit) tokensAt(query string) string { return v.root() + "tokens?" + query }

func (v *visit) tiles(hard overview.Summary, recent overview.Recent) []tile {
	tiles := []tile{
		{Link: look.Link{Label: "locked now", Href: v.tokensAt("locked=yes")}, Number: strconv.Itoa(hard.Locked)},
		{Link: look.Link{Label: "expire within 30 days", Href: v.tokensAt("expiring=30")},
			Number: strconv.Itoa(hard.Ends.Within30)},
		{Link: look.Link{Label: "expire within 90 days", Href: v.tokensAt("expiring=90")},
			Number: strconv.Itoa(hard.Ends.Within90)},
		{Link: look.Link{Label: "have expired"}, Number: strconv.Itoa(hard.Ends.Expired)},
		{Link: look.Link{Label: "open activations"}, Number: counted(recent.OpenActivations)},
	}
	if hard.Locked > 0 {
		tiles[0].Tone = look.Warning
	}
	if hard.Ends.Within30 > 0 {
		tiles[1].Tone = look.Warning
	}
	return tiles
}

// codesIn leads to the entries of codes with an outcome in a time.
func (v *visit) codesIn(outcome audit.Outcome, reason string, from, to time.Time) string {
	pairs := []string{"action", string(audit.CodeVerified), "outcome", string(outcome), "from", from.Format(localTime)}
	if !to.IsZero() {
		pairs = append(pairs, "to", to.Format(localTime))
	}
	if reason != "" {
		pairs = append(pairs, "reason", reason)
	}
	return v.root() + "audit?" + query(pairs...)
}

func (v *visit) codesPanel(recent overview.Recent) panel {
	p := panel{Title: "Codes of the last 30 days", Table: look.TableOf("Codes by day", "Day", "Accepted", "Refused")}
	var accepted, refused []chart.Column
	var sumAccepted, sumRefused int64
	for _, day := range recent.Codes {
		label := day.Begin.Format("2 Jan")
		accepted = append(accepted, chart.Column{Label: label, N: day.Accepted})
		refused = append(refused, chart.Column{Label: label, N: day.Refused})
		sumAccepted, sumRefused = sumAccepted+day.Accepted, sumRefused+day.Refused
	}
	for _, day := range slices.Backward(recent.Codes) {
		if day.Accepted+day.Refused == 0 {
			continue
		}
		to := day.Begin.AddDate(0, 0, 1)
		p.Table.Add(nil, look.Cell{Text: day.Begin.Format("Mon 2 Jan")},
			numberCell(day.Accepted, v.codesIn(audit.Accepted, "", day.Begin, to)),
			numberCell(day.Refused, v.codesIn(audit.Refused, "", day.Begin, to)))
	}
	if len(p.Table.Rows) == 0 {
		p.Nothing = "No code was checked in this time."
		return p
	}
	p.Means = fmt.Sprintf("%d accepted, %d refused.", sumAccepted, sumRefused)
	p.Charts = []drawing{{"Accepted", chart.Columns("Codes accepted by day", chart.Accent, accepted)},
		{"Refused", chart.Columns("Codes refused by day", chart.Danger, refused)}}
	return p
}

// numberCell is a number that leads to what it counts; none is no link.
func numberCell(n int64, where string) look.Cell {
	c := look.Cell{Text: strconv.FormatInt(n, 10), Number: true}
	if n > 0 {
		c.Href = where
	}
	return c
}

func (v *visit) reasonsPanel(recent overview.Recent) panel {
	p := panel{Title: "Why codes were refused", Table: look.TableOf("Reasons of refusals", "Reason", "Codes"),
		Nothing: "No code was refused in the last 30 days."}
	reasons := map[string]int64{}
	for _, day := range recent.Codes {
		for reason, n := range day.Reasons {
			reasons[reason] += n
		}
	}
	if len(reasons) == 0 {
		return p
	}
	p.Nothing = ""
	var bars []chart.Bar
	for _, reason := range byNumber(reasons) {
		n := reasons[reason]
		bars = append(bars, chart.Bar{Label: reason, Parts: []chart.Part{{N: n, Tone: chart.Danger}}})
		where := v.codesIn(audit.Refused, reason, recent.Codes[0].Begin, time.Time{})
		if reason == store.OnlyCounted {
			where = v.root() + "audit?" + query("action", string(audit.RefusalsSuppressed))
		}
		p.Table.Add(nil, look.Cell{Text: reason}, numberCell(n, where))
	}
	p.Charts = []drawing{{Chart: chart.Bars("Refused codes by reason", bars)}}
	return p
}

// byNumber gives the names, those of the most first.
func byNumber(sums map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(sums), func(x, y string) int {
		return cmp.Or(cmp.Compare(sums[y], sums[x]), cmp.Compare(x, y))
	})
}

// mostBars is how many bars a chart has; its table has all.
const mostBars = 12

// sumPanel sums up tokens by a name. of gives the name of some, and the query of the list that
// shows them; empty if there is none.
func (v *visit) sumPanel(title string, from overview.Summary, of func(overview.Sum) (name, where string),
	counts func(overview.Sum) bool) panel {
	p := panel{Title: title, Nothing: "There are none.", Table: look.TableOf(title, "Which", "Tokens")}
	sums, where := map[string]int64{}, map[string]string{}
	for _, s := range from.Sums {
		if counts(s) {
			name, at := of(s)
			sums[name] += int64(s.N)
			where[name] = at
		}
	}
	if len(sums) == 0 {
		return p
	}
	p.Nothing = ""
	var bars []chart.Bar
	for _, name := range byNumber(sums) {
		if len(bars) < mostBars {
			bars = append(bars, chart.Bar{Label: name, Parts: []chart.Part{{N: sums[name]}}})
		}
		number := numberCell(sums[name], v.tokensAt(where[name]))
		if where[name] == "" {
			number.Href = ""
		}
		p.Table.Add(nil, look.Cell{Text: name}, number)
	}
	p.Charts = []drawing{{Chart: chart.Bars(title, bars)}}
	return p
}

// drifting is from which drift on, in steps, a token is at risk; one of overview.Drift.
const drifting = 5

// riskPanel shows the tokens that somebody has by how long they were not used, and how many of
// them have drifted.
func (v *visit) riskPanel(hard overview.Summary) panel {
	p := panel{Title: "At risk", Means: fmt.Sprintf("Valid tokens that users have, by how long they were not used; in "+
		"the colour of warnings those whose clock is off by %d steps or more.", drifting),
		Nothing: "No user has a valid hardware token.",
		Table:   look.TableOf("Tokens at risk", "Not used for", "Tokens", "Clock is off", "So long or never used")}
	type bin struct {
		label      string
		days       int
		n, drifted int64
	}
	bins := []bin{{label: "under 30 days"}}
	for i, ago := range overview.Used {
		from := int(ago / (24 * time.Hour))
		label := fmt.Sprintf("%d days or more", from)
		if i+1 < len(overview.Used) {
			label = fmt.Sprintf("%d to %d days", from, int(overview.Used[i+1]/(24*time.Hour))-1)
		}
		bins = append(bins, bin{label: label, days: from})
	}
	never := len(bins)
	bins = append(bins, bin{label: "never used"})
	total := int64(0)
	for _, u := range hard.Use {
		i := never
		if !u.Never {
			i = slices.IndexFunc(bins, func(b bin) bool { return b.days == u.UnusedDays })
		}
		bins[i].n += int64(u.N)
		total += int64(u.N)
		if u.Drift >= drifting {
			bins[i].drifted += int64(u.N)
		}
	}
	if total == 0 {
		return p
	}
	p.Nothing = ""
	var bars []chart.Bar
	longer := total
	for i, b := range bins {
		bar := chart.Bar{Label: b.label, Parts: []chart.Part{{N: b.n - b.drifted}, {N: b.drifted, Tone: chart.Warning}}}
		if b.drifted > 0 {
			bar.Text = fmt.Sprintf("%d, %d off", b.n, b.drifted)
		}
		bars = append(bars, bar)
		all := look.Cell{Number: true}
		if b.days > 0 {
			all = numberCell(longer, v.tokensAt(query("held", "yes", "state", token.Valid.String(), "unused",
				strconv.Itoa(b.days))))
		}
		if i != never {
			longer -= b.n
		}
		p.Table.Add(nil, look.Cell{Text: b.label}, numberCell(b.n, ""), numberCell(b.drifted, ""), all)
	}
	p.Charts = []drawing{{Chart: chart.Bars("Tokens by how long they were not used", bars)}}
	return p
}

// steps are what is done with a new server, as far as the administrator may do it; none once
// all are done.
func (v *visit) steps(f overview.FirstSteps) (steps []step) {
	open := false
	for _, each := range []struct {
		needs authz.Operation
		step
	}{
		{authz.AdminManage, step{f.RootPassword, "Change the password of ROOT", "ostiary root set-password", nil}},
		{authz.AdminManage, step{f.Administrator, "Add an administrator beside ROOT", "",
			&look.Link{Label: "Administrators", Href: v.root() + "admins"}}},
		{authz.TokenImport, step{f.Imported, "Import tokens", "",
			&look.Link{Label: "Imports", Href: v.root() + "imports"}}},
		{authz.TokenAssign, step{f.Assigned, "Assign a token to a user", "",
			&look.Link{Label: "Tokens in stock", Href: v.tokensAt("stock=yes")}}},
		{authz.Verify, step{f.Verified, "Verify a code", "", &look.Link{Label: "Hardware tokens",
			Href: v.root() + "tokens"}}},
		{authz.KeyManage, step{f.Key, "Create an API key for what asks this server",
			"", &look.Link{Label: "API keys", Href: v.root() + "keys"}}},
		{authz.AuditView, step{f.Checkpoint, "Keep a checkpoint of the log elsewhere", "",
			&look.Link{Label: "Audit log", Href: v.root() + "audit"}}},
	} {
		if v.may(each.needs) {
			steps = append(steps, each.step)
			open = open || !each.Done
		}
	}
	if !open {
		return nil
	}
	return steps
}
