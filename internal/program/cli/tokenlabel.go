package cli

import (
	"github.com/spf13/cobra"

	"ostiary/internal/doors/client"
	"ostiary/internal/program/cmdline"
)

func newTokenLabel(a *app) *cobra.Command {
	var which selectorFlags
	var none bool
	cmd := &cobra.Command{
		Use:   "label SERIAL TEXT",
		Short: "Change the label of a token",
		Long: `Change the label of a token: what you call it, such as where it is kept. With --clear
and no text, the label is removed. Apps that have the token keep their first label.`,
		Example: `  ostiary token label 12345678 "spare, drawer 3"
  ostiary token label 12345678 --clear`,
		Args: func(cmd *cobra.Command, args []string) error {
			if none {
				return cmdline.Arguments("SERIAL")(cmd, args)
			}
			return cmdline.Arguments("SERIAL", "TEXT")(cmd, args)
		},
		RunE: a.withServer(func(cmd *cobra.Command, c *client.Client, args []string) error {
			label := ""
			if !none {
				label = args[1]
			}
			t, err := c.SetLabel(cmd.Context(), which.selector(cmd, args[0]), label)
			if err != nil {
				return err
			}
			if t.Label == "" {
				return a.say(t, "Token %s has no label.", t.Serial)
			}
			return a.say(t, "Token %s is labelled: %s", t.Serial, t.Label)
		}),
	}
	which.add(cmd)
	cmd.Flags().BoolVar(&none, "clear", false, "remove the label")
	return cmd
}
