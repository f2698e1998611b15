package letter

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/text/unicode/norm"
)

//go:embed texts/*.toml
var builtIn embed.FS

// Languages are those of the texts that are built in. The first one is used where none
// is asked for.
var Languages = []string{"en", "de", "sv"}

// maxTextCharacters bounds each text, so that a page has room for all of them.
const maxTextCharacters = 240

// Texts is what a letter says, in some language, beside what is the letter's own. In
// braces stands what is put in.
type Texts struct {
	Language        string   `toml:"language"`
	Date            string   `toml:"date" puts:"day month year"`
	Months          []string `toml:"months"`
	Title           string   `toml:"title"`
	For             string   `toml:"for" puts:"user"`
	Scan            string   `toml:"scan"`
	Install         string   `toml:"install"`
	Add             string   `toml:"add"`
	AddERC          string   `toml:"add_erc"`
	Password        string   `toml:"password"`
	PIN             string   `toml:"pin"`
	First           string   `toml:"first"`
	FirstDerivation string   `toml:"first_derivation"`
	Two             string   `toml:"two"`
	TwoDerivation   string   `toml:"two_derivation"`
	Page            string   `toml:"page" puts:"server"`
	Done            string   `toml:"done"`
	Serial          string   `toml:"serial"`
	Code            string   `toml:"code"`
	ERC             string   `toml:"erc"`
	Until           string   `toml:"until" puts:"date time"`
	Keep            string   `toml:"keep"`
	KeepPassword    string   `toml:"keep_password"`
}

// File gives the texts of a language as a file to be changed, see [ReadTexts]. The
// language is one of [Languages].
func File(language string) ([]byte, error) {
	if !slices.Contains(Languages, language) {
		return nil, fmt.Errorf("there are no texts for %q: the languages are %s", language,
			strings.Join(Languages, ", "))
	}
	return builtIn.ReadFile("texts/" + language + ".toml")
}

// In gives the texts of a language of [Languages].
func In(language string) (*Texts, error) {
	file, err := File(language)
	if err != nil {
		return nil, err
	}
	return ReadTexts(file)
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// ReadTexts reads texts as TOML: every text is there, has 1 to 240 characters, and puts
// in what it must, once each, and nothing else; months are twelve.
func ReadTexts(file []byte) (*Texts, error) {
	t := new(Texts)
	if err := toml.NewDecoder(bytes.NewReader(file)).DisallowUnknownFields().Decode(t); err != nil {
		if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok && len(strict.Errors) > 0 {
			return nil, fmt.Errorf("%s is not a text of a letter", strings.Join(strict.Errors[0].Key(), "."))
		}
		return nil, fmt.Errorf("not TOML: %w", err)
	}
	if len(t.Months) != 12 {
		return nil, fmt.Errorf("months: instead of 12 names there are %d", len(t.Months))
	}
	for _, month := range t.Months {
		if err := checkText(month, nil); err != nil {
			return nil, fmt.Errorf("months: %w", err)
		}
	}
	fields := reflect.TypeFor[Texts]()
	for i := range fields.NumField() {
		f := fields.Field(i)
		if f.Name == "Months" {
			continue
		}
		if err := checkText(reflect.ValueOf(t).Elem().Field(i).String(), strings.Fields(f.Tag.Get("puts"))); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Tag.Get("toml"), err)
		}
	}
	return t, nil
}

// checkText checks a text in which those names stand in braces.
func checkText(text string, puts []string) error {
	n := utf8.RuneCountInString(text)
	switch {
	case strings.TrimSpace(text) == "":
		return errors.New("the text is missing")
	case n > maxTextCharacters:
		return fmt.Errorf("%d characters, but at most %d fit", n, maxTextCharacters)
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }):
		return errors.New("a text must be one line")
	}
	found := placeholder.FindAllString(text, -1)
	for _, name := range puts {
		if i := slices.Index(found, "{"+name+"}"); i < 0 {
			return fmt.Errorf("{%s} is missing", name)
		} else {
			found = slices.Delete(found, i, i+1)
		}
	}
	if len(found) > 0 {
		return fmt.Errorf("%s is not allowed here", found[0])
	}
	return nil
}

// put puts values in, name by name.
func put(text string, namesAndValues ...string) string {
	for i := 0; i < len(namesAndValues); i += 2 {
		namesAndValues[i] = "{" + namesAndValues[i] + "}"
	}
	return strings.NewReplacer(namesAndValues...).Replace(text)
}

// dated writes a day.
func (t *Texts) dated(at time.Time) string {
	return put(t.Date, "day", strconv.Itoa(at.Day()), "month", t.Months[at.Month()-1], "year", strconv.Itoa(at.Year()))
}

// composed gives accents that stand behind their letters the form that the fonts have.
func composed(text string) string { return norm.NFC.String(text) }
