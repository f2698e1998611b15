package cli

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/doors/wire"
	"ostiary/internal/formats/letter"
	"ostiary/internal/program/cmdline"
)

// batchPart is how many tokens one request makes, so that progress is seen and
// little is lost by a connection that breaks.
const batchPart = 20

type activationBatch struct {
	req                     wire.ActivationsRequest
	out, passwords, serials string
	says                    letterFlags
	texts                   *letter.Texts
	// again are the tokens whose codes are made anew, with --serials.
	again []string
}

// count is how many codes are to be made.
func (b *activationBatch) count() int {
	if b.serials != "" {
		return len(b.again)
	}
	return b.req.Count
}

// batchResult is what was made.
type batchResult struct {
	File      string `json:"file"`
	Passwords string `json:"passwords,omitempty"`
	Made      int    `json:"made"`
	Missing   int    `json:"missing,omitempty"`
	First     string `json:"first,omitempty"`
	Last      string `json:"last,omitempty"`
}

func newActivationBatch(a *app) *cobra.Command {
	var b activationBatch
	cmd := &cobra.Command{
		Use:   "batch --type TYPE {--count N | --serials LIST} --out FILE",
		Short: "Create tokens with activation codes in advance",
		Long: `Create tokens and begin an activation of each, to be given to users later: as a
table (FILE.csv) with serial, activation code and expiry, or as letters to print
(FILE.pdf), a page for each, with the texts of --language or --letter-text.

Anyone who has a code and its password has a token. So if the profile has activation
passwords, they go into a separate file, --passwords, which you keep and send
separately. The files are created with mode 0600 and must not exist.

If interrupted, the command finishes the current request and writes the codes that
it has to the files. If killed, it leaves tokens whose codes nobody has. They are
PENDING and without a user. Run the command again for them with --serials instead of
--count; codes of them that were printed before no longer work.`,
		Example: `  ostiary activation batch --type mobile-totp --count 200 --out codes.csv --passwords passwords.csv
  ostiary activation batch --type letters --count 50 --out letters.pdf --days 180
  ostiary activation batch --type letters --serials LT10000031-LT10000050 --out rest.pdf`,
		Args: cmdline.Arguments(),
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			if err := b.check(cmd); err != nil {
				return err
			}
			var err error
			if b.texts, err = b.says.texts(a, cmd); err != nil {
				return err
			}
			if err := b.checkPasswords(cmd, c); err != nil {
				return err
			}
			return a.activateAhead(cmd.Context(), c, &b)
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&b.req.Type, "type", "", "`TYPE` of the tokens")
	flags.IntVar(&b.req.Count, "count", 0, "create `N` tokens")
	flags.StringVar(&b.serials, "serials", "", "create new codes for existing tokens: `LIST` of serials and of ranges FIRST-LAST, with commas")
	flags.StringVar(&b.out, "out", "", "write the codes to a new `FILE.csv`, or letters to a new FILE.pdf")
	flags.StringVar(&b.passwords, "passwords", "", "write the activation passwords to a new `FILE.csv`, if the profile has them")
	flags.StringVar(&b.req.Profile, "profile", "", "`NAME` of the profile (default: that of the type)")
	flags.StringVar(&b.req.Label, "label", "", "`TEXT`, the label of the tokens")
	b.says.add(flags)
	addDays(flags, &b.req.Days, "90")
	return cmd
}

func (b *activationBatch) letters() bool { return strings.HasSuffix(b.out, ".pdf") }

func (b *activationBatch) check(cmd *cobra.Command) (err error) {
	if b.serials != "" {
		if b.again, err = serialList(b.serials); err != nil {
			return cmdline.Mistakef(cmd, "--serials %s: %v", b.serials, err)
		}
	}
	switch {
	case b.req.Type == "":
		return cmdline.Mistakef(cmd, "--type is missing: the type of the tokens")
	case b.serials != "" && (b.req.Count != 0 || b.req.Profile != "" || b.req.Label != ""):
		return cmdline.Mistakef(cmd, "--count, --profile and --label are for new tokens: omit them with --serials")
	case b.serials == "" && b.req.Count < 1:
		return cmdline.Mistakef(cmd, "--count %d: it must be at least 1", b.req.Count)
	case !b.letters() && !strings.HasSuffix(b.out, ".csv"):
		return cmdline.Mistakef(cmd, "--out %s: codes go to FILE.csv, letters to FILE.pdf", b.out)
	case b.letters() && b.count() > letter.MaxLetters:
		return cmdline.Mistakef(cmd, "%d tokens: a file has at most %d letters; create several files", b.count(),
			letter.MaxLetters)
	case b.passwords != "" && !strings.HasSuffix(b.passwords, ".csv"):
		return cmdline.Mistakef(cmd, "--passwords %s: passwords go to FILE.csv", b.passwords)
	case b.passwords != "" && b.passwords == b.out:
		return cmdline.Mistakef(cmd, "--passwords and --out are the same file: anyone who finds code and password "+
			"together has the token")
	}
	if err := b.says.check(cmd, b.letters(), "--out FILE.pdf"); err != nil {
		return err
	}
	return checkDays(cmd, b.req.Days)
}

// checkPasswords refuses, before anything is made, where passwords would have no
// place or none would come.
func (b *activationBatch) checkPasswords(cmd *cobra.Command, c *client.Client) error {
	profile := b.req.Profile
	if profile == "" {
		t, err := c.Type(cmd.Context(), b.req.Type)
		if err != nil {
			return err
		}
		if profile = t.Profile; profile == "" {
			return nil // the server says what is wrong
		}
	}
	p, err := c.Profile(cmd.Context(), profile)
	needed := p.Activation.Password
	switch {
	case err != nil:
		return err
	case needed && b.passwords == "":
		return cmdline.Mistakef(cmd, "profile %s has activation passwords: add --passwords FILE.csv for them, and "+
			"keep that file separate from the codes", profile)
	case !needed && b.passwords != "":
		return cmdline.Mistakef(cmd, "profile %s has no activation passwords: omit --passwords", profile)
	}
	return nil
}

// batchFiles are the files of a batch. Codes are in their table as soon as the server
// has answered; letters are one document, which is written at the end.
type batchFiles struct {
	codes, passwords *os.File
	table, words     *csv.Writer // of codes, nil for letters; and of passwords, nil if there are none
	letters          []wire.Activation
	// known: the serials that apps know stand in the table, too. A token that was there
	// before may have come from another server, and has got another one here.
	known bool
}

func (b *activationBatch) create() (f batchFiles, err error) {
	if f.codes, err = createNew(b.out); err != nil {
		return f, err
	}
	if b.passwords != "" {
		if f.passwords, err = createNew(b.passwords); err != nil {
			return f, errors.Join(err, f.codes.Close(), os.Remove(b.out))
		}
		f.words = csv.NewWriter(f.passwords)
		err = f.words.Write([]string{"serial", "activation_password"})
	}
	if !b.letters() {
		f.table = csv.NewWriter(f.codes)
		head := []string{"serial", "activation_code", "expires"}
		if f.known = b.serials != ""; f.known {
			head = append(head, "app_serial")
		}
		err = errors.Join(err, f.table.Write(head))
	}
	return f, err
}

func (f *batchFiles) add(made []wire.Activation) error {
	var err error
	for _, m := range made {
		if f.table != nil {
			row := []string{m.Serial, m.Code, m.Expires.UTC().Format(time.RFC3339)}
			if f.known {
				row = append(row, typedSerial(m))
			}
			err = errors.Join(err, f.table.Write(row))
		} else {
			f.letters = append(f.letters, m)
		}
		if f.words != nil {
			err = errors.Join(err, f.words.Write([]string{m.Serial, m.Password}))
		}
	}
	for _, w := range []*csv.Writer{f.table, f.words} {
		if w != nil {
			w.Flush()
			err = errors.Join(err, w.Error())
		}
	}
	return err
}

// close makes sure that the files are whole. Where nothing was made there are none.
func (f *batchFiles) close(b *activationBatch, made int) (err error) {
	if f.table == nil && made > 0 {
		err = writeLetters(f.codes, b.says.page, b.texts, f.letters...)
	}
	for _, file := range []*os.File{f.codes, f.passwords} {
		switch {
		case file == nil:
		case made == 0:
			err = errors.Join(err, file.Close(), os.Remove(file.Name()))
		default:
			err = errors.Join(err, file.Sync(), file.Close())
		}
	}
	if err != nil {
		err = &inputError{err}
	}
	return err
}

// activateAhead makes the tokens, and tells what was made.
func (a *app) activateAhead(ctx context.Context, c *client.Client, b *activationBatch) error {
	files, err := b.create()
	if err != nil {
		return err
	}
	result, err := a.makeAhead(ctx, c, b, &files)
	return a.sayAhead(result, b.req.Type, err)
}

// makeAhead makes the tokens, request by request. Its progress is gone from the
// terminal when it returns.
func (a *app) makeAhead(ctx context.Context, c *client.Client, b *activationBatch, files *batchFiles) (batchResult,
	error) {
	var made atomic.Int64
	if !a.json || cmdline.Terminal(a.Stderr) {
		defer startProgress(
			a.Stderr,
			func(time.Duration) string {
				return fmt.Sprintf("codes of %d of %s created", made.Load(), cmdline.Plural(b.count(), "token", "tokens"))
			}).stop()
	}
	result := batchResult{File: b.out, Passwords: b.passwords}
	var err error
	for err == nil && result.Made < b.count() {
		if err = ctx.Err(); err != nil {
			break
		}
		var part wire.Activations
		// An interrupt must not lose the answer with the codes.
		if part, err = b.part(context.WithoutCancel(ctx), c, result.Made); err != nil {
			break
		}
		err = files.add(part.Activations)
		result.add(part)
		made.Store(int64(result.Made))
		if part.Missing > 0 || len(part.Activations) == 0 {
			err = errors.Join(err, errors.New(part.Problem))
		}
	}
	result.Missing = b.count() - result.Made
	return result, errors.Join(err, files.close(b, result.Made))
}

func (r *batchResult) add(part wire.Activations) {
	for _, m := range part.Activations {
		if r.Made++; r.Made == 1 {
			r.First = m.Serial
		}
		r.Last = m.Serial
	}
}

// sayAhead tells what was made, and why not all.
func (a *app) sayAhead(r batchResult, typeName string, why error) error {
	if r.Made == 0 {
		return why
	}
	serials := r.First
	if r.Made > 1 {
		serials += " to " + r.Last
	}
	err := a.say(r, "%s contains the codes of %s, %s.", r.File, cmdline.Plural(r.Made, "token", "tokens"), serials)
	if err == nil && r.Passwords != "" && !a.json {
		err = a.say(nil, "%s contains the activation passwords. Keep it separate: anyone with both files can activate what they are for.",
			r.Passwords)
	}
	if why == nil || err != nil {
		return errors.Join(err, why)
	}
	reason := why.Error()
	if errors.Is(why, context.Canceled) {
		reason = "interrupted"
	}
	return cmdline.WithHint(
		fmt.Errorf("%s, %d missing: %s", cmdline.Plural(r.Made, "token exists", "tokens exist"), r.Missing,
			reason),
		"write the rest to another file; tokens whose codes were lost are listed by: ostiary token list "+
			"--state PENDING --type "+cmdline.ShellQuote(typeName)+". Create new codes for them with --serials")
}

// part makes the codes of the next tokens, behind those that are made.
func (b *activationBatch) part(ctx context.Context, c *client.Client, made int) (wire.Activations, error) {
	req := b.req
	n := min(b.count()-made, batchPart)
	if b.serials != "" {
		req.Serials = b.again[made : made+n]
	} else {
		req.Count = n
	}
	return c.ActivateAhead(ctx, req)
}

// maxSerials bounds what --serials may name.
const maxSerials = 100_000

// serialList reads serials and ranges of them: the text before the digits at the end is
// the same in a range, and so is the number of digits.
func serialList(text string) (all []string, err error) {
	for item := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(strings.ToUpper(strings.TrimSpace(item)), "-")
		if !isRange {
			last = first
		}
		digits := func(r rune) bool { return '0' <= r && r <= '9' }
		prefix := strings.TrimRightFunc(first, digits)
		width := len(first) - len(prefix)
		from, err := strconv.ParseUint(first[len(prefix):], 10, 63)
		if err != nil {
			return nil, fmt.Errorf("%q is not a serial: letters and then digits", first)
		}
		to, err := strconv.ParseUint(strings.TrimPrefix(last, prefix), 10, 63)
		if err != nil || len(last) != len(first) || !strings.HasPrefix(last, prefix) || to < from {
			return nil, fmt.Errorf("%q to %q is not a range: the first and the last serial differ in their last digits "+
				"only, in ascending order", first, last)
		}
		if to-from >= maxSerials-uint64(len(all)) {
			return nil, fmt.Errorf("these are more than %d serials", maxSerials)
		}
		for n := from; n <= to; n++ {
			all = append(all, fmt.Sprintf("%s%0*d", prefix, width, n))
		}
	}
	return all, nil
}
