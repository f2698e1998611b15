// Package authenticatorcli is the command line of ostiary-authenticator, a software
// authenticator: package authenticator, with a vault in a directory.
//
// What a command was asked for goes to standard output, as text for people or, with
// --json, as JSON. Everything else goes to standard error. Exit codes are part of the
// interface:
//
//	0  done
//	1  not done: refused, or an error
//	2  the command line is wrong
package authenticatorcli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"ostiary/activation"
	"ostiary/authenticator"
	"ostiary/internal/core/printable"
	"ostiary/internal/device/vaultdir"
	"ostiary/internal/program/cmdline"
)

// The exit codes.
const (
	exitDone    = 0
	exitNotDone = 1
	exitMistake = 2
)

const (
	program = "ostiary-authenticator"
	// envVault names the vault directory once for all.
	envVault = "OSTIARY_VAULT"
	// lockWait is how long a command waits for another that has the vault open.
	lockWait = 10 * time.Second
)

// Env is what the command line takes from the process it runs in.
type Env struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string
	Now    func() time.Time
	// Ask asks a person on the terminal. A hidden answer is not echoed. It is nil
	// where nobody can be asked.
	Ask func(ctx context.Context, question string, hidden bool) ([]byte, error)
	// Watched: a person looks at standard output as it is written.
	Watched bool
}

// OS is the environment of this process.
func OS() *Env {
	e := &Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Now: time.Now,
		Watched: cmdline.Terminal(os.Stdout)}
	if cmdline.Terminal(os.Stdin) {
		e.Ask = func(ctx context.Context, question string, hidden bool) ([]byte, error) {
			return cmdline.Ask(ctx, os.Stdin, os.Stderr, question, hidden)
		}
	}
	return e
}

// Main runs a command line, without the program's name, and returns the exit code.
// The first interrupt asks the command to end; a second one kills it.
func Main(args []string, env *Env) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return run(ctx, args, env)
}

func run(ctx context.Context, args []string, env *Env) int {
	err := newRoot(env, args).ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	printError(env.Stderr, err)
	if _, ok := errors.AsType[*cmdline.Mistake](err); ok || errors.Is(err, cmdline.ErrNoCommand) {
		return exitMistake
	}
	return exitNotDone
}

// printError tells what happened, and what to do next.
func printError(w io.Writer, err error) {
	var lines []string
	for _, part := range cmdline.ErrorLines(err) {
		lines = append(lines, strings.Split(part, "\n")...) // errors that are joined
	}
	for i, line := range lines {
		lines[i] = cmdline.Printable(line)
	}
	fmt.Fprintln(w, program+": "+strings.Join(lines, "\n"))
}

// app is what all commands share: the environment and the global flags.
type app struct {
	*Env
	vault string
	json  bool
}

func newRoot(env *Env, args []string) *cobra.Command {
	a := &app{Env: env}
	root := &cobra.Command{
		Use:     program,
		Short:   "Software authenticator on the command line",
		Version: cmdline.BuildInfo().Version,
		Long: `A software authenticator: it is activated for tokens of an Ostiary server, and
shows their one-time passwords, answers challenges and signs.

Accounts are kept in a vault, a directory that --vault or OSTIARY_VAULT names; by
default it lies in your configuration directory. Beside it lies its key, DIR.key,
which must never be in the same backup.

Where a PIN is needed, --pin-file names a file with it; otherwise it is asked for
on the terminal. ACCOUNT is a name or a serial, and may be left out where there is
one account.

Exit codes: 0 done, 1 not done, 2 the command line is wrong.`,
		Example: `  ostiary-authenticator activate --server https://bank.example --registration ABCDE-…
  ostiary-authenticator otp
  ostiary-authenticator sign --field 1=100.00 --field 2='DE89 3704 0044'`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newActivate(a), newConfirm(a), newOTP(a), newChallenge(a), newSign(a), newList(a), newInfo(a),
		newPIN(a), newRename(a), newClock(a), newDelete(a))
	cmdline.MakeGroup(root)
	root.PersistentFlags().StringVar(&a.vault, "vault", "", "`DIR` of the vault (default: OSTIARY_VAULT, or one in your configuration directory)")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON")
	root.SetFlagErrorFunc(cmdline.FlagMistake)
	root.SetHelpFunc(cmdline.PrintHelp)
	root.SetArgs(args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	return root
}

// withVault opens the vault for a step of a command. Other commands wait meanwhile.
func (a *app) withVault(ctx context.Context, step func(*authenticator.Vault) error) error {
	return a.withConfig(ctx, authenticator.Config{}, step)
}

// withConfig opens the vault with more than what every command needs.
func (a *app) withConfig(ctx context.Context, cfg authenticator.Config, step func(*authenticator.Vault) error) (
	err error) {
	dir, err := a.vaultDir()
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	opened, err := vaultdir.Open(waiting, dir, rand.Reader)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	cfg.Storage, cfg.Platform, cfg.Random, cfg.Now = opened, opened.Key, rand.Reader, a.Now
	cfg.Transport, cfg.Device = newTransport(), activation.Device{Type: activation.Desktop, Name: a.deviceName()}
	vault, err := authenticator.Open(cfg)
	if err != nil {
		return err
	}
	return step(vault)
}

func (a *app) vaultDir() (string, error) {
	if a.vault != "" {
		return a.vault, nil
	}
	if dir := a.Getenv(envVault); dir != "" {
		return dir, nil
	}
	config, err := os.UserConfigDir()
	if err != nil {
		return "", errors.New("there is no configuration directory: name a vault with --vault DIR")
	}
	return filepath.Join(config, program, "vault"), nil
}

// deviceName is what a server shows of this device.
func (a *app) deviceName() string {
	host, err := os.Hostname()
	if name := program + " on " + host; err == nil && printable.Check(name, 64) == "" {
		return name
	}
	return program
}

// say prints v as JSON, or else what a person is to read.
func (a *app) say(v any, format string, args ...any) error {
	if a.json {
		return a.printJSON(v)
	}
	_, err := fmt.Fprintln(a.Stdout, cmdline.Printable(fmt.Sprintf(format, args...)))
	return err
}

func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.Stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// note tells a person something beside the output.
func (a *app) note(format string, args ...any) {
	fmt.Fprintln(a.Stderr, cmdline.Printable(fmt.Sprintf(format, args...)))
}
