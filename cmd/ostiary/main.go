// Command ostiary is the server and its command line.
package main

import (
	"os"

	"ostiary/internal/program/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], cli.OS())) }
