package wire

// UserListRequest asks for the users of a list to be added, if they are not there yet.
type UserListRequest struct {
	Users   []string `json:"users" minItems:"1" maxItems:"500" nullable:"false" doc:"Their names."`
	DryRun  bool     `json:"dry_run,omitempty" doc:"Report what would happen, and add nobody."`
	SkipBad bool     `json:"skip_bad,omitempty" doc:"Add the others even if a name is refused; otherwise nobody is added."`
}

// UserListReport says what became of the names of a list, in its order.
type UserListReport struct {
	Applied bool            `json:"applied" doc:"False if nobody was added, because a name is refused."`
	Users   []UserListEntry `json:"users" nullable:"false"`
}

// UserListEntry is what became of a name.
type UserListEntry struct {
	Name    string `json:"name" doc:"As it was given."`
	User    string `json:"user,omitempty" doc:"The user meant; absent if it is refused."`
	Outcome string `json:"outcome" enum:"added,there,refused" doc:"If nobody was added: what would have happened."`
	Reason  string `json:"reason,omitempty" doc:"Why it was refused, or how it differs from the existing name."`
}
