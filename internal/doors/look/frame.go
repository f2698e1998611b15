package look

// Console is the frame around a page of the console: whose it is, and where one can go.
type Console struct {
	Site    string // what the server is called
	Account Account
	Groups  []Group
	Search  string // what was searched for
	// NoSearch leaves the search out, for those who may find nothing.
	NoSearch bool
	Notes    []Note // what is said on every page
	Undo     *Undo
	// Root is the path of the server, with a slash at its end. Addresses are absolute in the
	// console: a dialog changes the address bar under the links of its page.
	Root string
}

// Account is who is signed in.
type Account struct {
	Name     string
	Initials string
	Role     string
	Page     string // its settings
	SignOut  string // where the form goes that ends the session
}

// Group is a part of the side bar.
type Group struct {
	Title string
	Items []Item
}

// Item is a page in the side bar.
type Item struct {
	Link
	Count   string // what matters there, in a word or a number
	Warn    bool
	Current bool
	Key     string // the key that leads there after g
}
