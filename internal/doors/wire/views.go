package wire

// View is a view of a list that an administrator has kept.
type View struct {
	Name  string `json:"name,omitempty" maxLength:"64" doc:"Empty: the columns and the size with which the list opens."`
	Query string `json:"query" maxLength:"4096" doc:"As it stands in the address bar of the console."`
}

// ViewList is all views of a list by name.
type ViewList struct {
	Views []View `json:"views" nullable:"false"`
}
