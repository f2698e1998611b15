package cli

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ostiary/internal/formats/letter"
	"ostiary/internal/program/cmdline"
)

// maxLetterText is the size of the largest file with the texts of a letter, in bytes.
const maxLetterText = 64 << 10

// letterFlags say what a letter says beside what is the token's.
type letterFlags struct{ page, language, text string }

func (f *letterFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.page, "page", "", "`ADDRESS` at which users type the first code, for letters")
	flags.StringVar(&f.language, "language", "", "`LANGUAGE` of letters: en, de or sv (default en)")
	flags.StringVar(&f.text, "letter-text", "", "`FILE` with the texts of letters, from ostiary activation letter-text")
}

// check refuses what has no place; letters tells whether there are any, and where says
// which flag makes them.
func (f *letterFlags) check(cmd *cobra.Command, letters bool, where string) error {
	switch {
	case !letters && f.page != "":
		return cmdline.Mistakef(cmd, "--page is for letters: add %s", where)
	case !letters && f.language != "":
		return cmdline.Mistakef(cmd, "--language is for letters: add %s", where)
	case !letters && f.text != "":
		return cmdline.Mistakef(cmd, "--letter-text is for letters: add %s", where)
	case f.language != "" && f.text != "":
		return cmdline.Mistakef(cmd, "give --language, or --letter-text with your own texts, but not both")
	}
	return nil
}

// texts reads what letters say; nil for what is usual. A file that is no such texts is
// refused before anything is begun.
func (f *letterFlags) texts(a *app, cmd *cobra.Command) (*letter.Texts, error) {
	switch {
	case f.text != "":
		file, err := a.readSmall(f.text, maxLetterText)
		if err != nil {
			return nil, err
		}
		t, err := letter.ReadTexts(file)
		if err != nil {
			return nil, &inputError{fmt.Errorf("%s: %w", f.text, err)}
		}
		return t, nil
	case f.language != "":
		t, err := letter.In(f.language)
		if err != nil {
			return nil, cmdline.Mistakef(cmd, "--language: %v", err)
		}
		return t, nil
	}
	return nil, nil
}

func newActivationLetterText(a *app) *cobra.Command {
	var language string
	cmd := &cobra.Command{
		Use:   "letter-text",
		Short: "Print the texts of letters for editing",
		Long: `Print the texts of activation letters, in English, German or Swedish, as a TOML file
with explanations. Change the texts and give the file to activation offline or
activation batch with --letter-text.`,
		Example: `  ostiary activation letter-text --language de > brief.toml
  ostiary activation offline MT10000001 --letter alice.pdf --letter-text brief.toml`,
		Args: cmdline.Arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := letter.File(language)
			if err != nil {
				return cmdline.Mistakef(cmd, "--language: %v", err)
			}
			if a.json {
				return a.printJSON(map[string]string{"language": language, "toml": string(file)})
			}
			_, err = a.Stdout.Write(file)
			return err
		},
	}
	cmd.Flags().StringVar(&language, "language", letter.Languages[0], "`LANGUAGE`: en, de or sv")
	return cmd
}
