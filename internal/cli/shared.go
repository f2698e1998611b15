package cli

import "ostiary/internal/cmdline"

// The short names that this package has for what the command lines share.
var (
	mistakef    = cmdline.Mistakef
	flagMistake = cmdline.FlagMistake
	arguments   = cmdline.Arguments
	makeGroup   = cmdline.MakeGroup
	oneOf       = cmdline.OneOf
	printHelp   = cmdline.PrintHelp
	withHint    = cmdline.WithHint
	printable   = cmdline.Printable
	shellQuote  = cmdline.ShellQuote
	yesNo       = cmdline.YesNo
	plural      = cmdline.Plural
	buildInfo   = cmdline.BuildInfo
	terminal    = cmdline.Terminal
)
