// Package cli is the command line of ostiary: the server and the commands that
// speak to one.
//
// What a command was asked for goes to standard output, as text for people or,
// with --json, in the shapes of the REST API. Everything else goes to standard
// error, errors too: with --json as an object. Exit codes are part of the interface:
//
//	0  done; the answer is yes
//	1  done; the answer is no: the code is not valid, the log is not whole,
//	   the file had keys that were refused
//	2  not done: a usage mistake, or an error
//	3  refused: the database is not the one that the server wrote last
package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"ostiary/internal/program/cmdline"
	"ostiary/internal/program/serve"
)

// The exit codes.
const (
	exitYes     = 0
	exitNo      = 1
	exitError   = 2
	exitRefused = 3
)

// Env is what the command line takes from the process it runs in.
type Env struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string
	// Ask asks a person on the terminal; the answer is not echoed. It is nil where nobody
	// can be asked.
	Ask func(ctx context.Context, question string) ([]byte, error)
}

// OS is the environment of this process.
func OS() *Env {
	e := &Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}
	if cmdline.Terminal(os.Stdin) {
		e.Ask = func(ctx context.Context, question string) ([]byte, error) {
			return cmdline.Ask(ctx, os.Stdin, os.Stderr, question, true)
		}
	}
	return e
}

// Main runs a command line, without the program's name, and returns the exit
// code. The first interrupt asks the command to end; a second one kills it.
func Main(args []string, env *Env) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	root := newRoot(env, args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitYes
	case errors.Is(err, errNo):
		return exitNo
	}
	if asJSON, _ := root.PersistentFlags().GetBool("json"); asJSON {
		printErrorJSON(env.Stderr, err)
	} else {
		printError(env.Stderr, err)
	}
	if errors.Is(err, serve.ErrRefused) {
		return exitRefused
	}
	return exitError
}

// errNo ends a command whose answer is no and has been printed.
var errNo = errors.New("no")

// app is what all commands share: the environment and the global flags.
type app struct {
	*Env
	connection connectionFlags
	json       bool
	csv        bool // of lists
}

func newRoot(env *Env, args []string) *cobra.Command {
	a := &app{Env: env}
	root := &cobra.Command{
		Use:     "ostiary",
		Short:   "Authentication-token server and its command line",
		Version: cmdline.BuildInfo().Version,
		Long: `Ostiary keeps one-time-password tokens: it imports them, checks their codes,
and manages them through their whole life cycle.

"ostiary serve" runs the server. All other commands connect to a running server:

  --data DIR    the server of that data directory, as the user who runs it
  --server URL  a server on the network, with an API key in OSTIARY_API_KEY

Set OSTIARY_DATA or OSTIARY_SERVER instead of repeating the flags.

Exit codes: 0 yes or done, 1 the answer is no, 2 error, 3 the database is refused.
An error ends with its code, as in (disk_full); with --json it is an object with code,
detail and hint, on standard error.`,
		Example: `  ostiary serve --data /var/lib/ostiary
  export OSTIARY_DATA=/var/lib/ostiary
  ostiary token import tokens.pskc
  ostiary token verify 12345678 755224`,
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			return cmp.Or(cmdline.NoFlagEmpty(cmd, args), a.oneForm(cmd))
		},
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newServe(a), newToken(a), newActivation(a), newType(a), newProfile(a), newSeries(a), newBatch(a),
		newImport(a), newJob(a), newMove(a), newUser(a), newKey(a), newAudit(a), newSeedfile(a), newDatabase(a), newStore(a),
		newAdmin(a), newRootAccount(a), newEvents(a), newVersion(a))
	cmdline.MakeGroup(root)
	a.connection.add(root.PersistentFlags())
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON in the shapes of the REST API")
	root.SetFlagErrorFunc(cmdline.FlagMistake)
	root.SetHelpFunc(cmdline.PrintHelp)
	root.SetArgs(args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	return root
}
