// Command ostiary-authenticator is a software authenticator on the command line.
package main

import (
	"os"

	"ostiary/internal/device/authenticatorcli"
)

func main() { os.Exit(authenticatorcli.Main(os.Args[1:], authenticatorcli.OS())) }
