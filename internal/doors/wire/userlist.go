package wire

// UserListRequest asks for the users of a list to be added, if they are not there yet.
type UserListRequest struct {
	Users   []string `json:"users" minItems:"1" maxItems:"500" nullable:"false" doc:"Their names."`
	DryRun  bool     `json:"dry_run,omitempty" doc:"Say what would be, and add nobody."`
	SkipBad bool     `json:"skip_bad,omitempty" doc:"Add the others although a name is refused; otherwise nobody is added then."`
}

// UserListReport says what became of the names of a list, in its order.
type UserListReport struct {
	Applied bool            `json:"applied" doc:"False if nobody was added, because a name is refused."`
	Users   []UserListEntry `json:"users" nullable:"false"`
}

// UserListEntry is what became of a name.
type UserListEntry struct {
	Name    string `json:"name" doc:"As it was given."`
	User    string `json:"user,omitempty" doc:"Whom it means; absent if it is refused."`
	Outcome string `json:"outcome" enum:"added,there,refused" doc:"Where nobody was added: what would be."`
	Reason  string `json:"reason,omitempty" doc:"Why it was refused, or how it differs from the name that is there."`
}
