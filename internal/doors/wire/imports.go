package wire

import "time"

// ImportRow is what there is to say of one key of a seed file.
type ImportRow struct {
	N            int    `json:"n" doc:"Its place among the keys of the file, from 1."`
	Line         int    `json:"line,omitempty" doc:"Line of the file where the key begins."`
	Serial       string `json:"serial"`
	KeyID        string `json:"key_id"`
	Type         string `json:"type,omitempty"`
	Manufacturer string `json:"manufacturer,omitempty"`
	Outcome      string `json:"outcome" enum:"imported,duplicate,conflict,twin,replaced,refused" doc:"An imported key is listed only if it has a remark."`
	Reason       string `json:"reason,omitempty"`
}

// Import is a run: one reading of a seed file. Imported to HeldBack add up to
// Keys.
type Import struct {
	ID       int64      `json:"id"`
	State    string     `json:"state" enum:"running,done,failed" doc:"done: it ended with a result, which may be that nothing was imported."`
	DryRun   bool       `json:"dry_run,omitempty" doc:"Nothing was changed; this is what would happen."`
	File     string     `json:"file,omitempty" doc:"Name of the file."`
	Format   string     `json:"format,omitempty" doc:"Detected format of the file."`
	Batch    string     `json:"batch,omitempty" doc:"The delivery it belongs to."`
	Note     string     `json:"note,omitempty"`
	Supplier string     `json:"supplier,omitempty"`
	Actor    string     `json:"actor,omitempty" doc:"Who asked for it."`
	Started  time.Time  `json:"started"`
	Ended    *time.Time `json:"ended,omitempty"`
	Failure  string     `json:"failure,omitempty" doc:"Why it ended without a result."`
	Removed  *time.Time `json:"rows_removed,omitempty" doc:"When its rows were removed, at the end of their retention period."`

	Keys       int `json:"keys" doc:"Keys of the file, as far as it was read."`
	Imported   int `json:"imported"`
	Duplicate  int `json:"duplicate" doc:"Already here with the same secret."`
	Conflict   int `json:"conflict" doc:"Already here with another secret."`
	Difference int `json:"difference" doc:"Already here with the same secret, but with other code settings than in the file: the rows name the differences."`
	Twin       int `json:"twin" doc:"Their secrets are already here, in other tokens."`
	Replaced   int `json:"replaced" doc:"Already here with another secret or with a difference; changed to what the file says."`
	Refused    int `json:"refused"`
	HeldBack   int `json:"held_back" doc:"Good ones that were not imported because others are bad."`
	Renumbered int `json:"renumbered" doc:"Of the imported ones, those that got a new serial because theirs is in use here."`
	Assigned   int `json:"assigned" doc:"Of the imported ones, those given to a user whom the file names."`
	Users      int `json:"users_created"`

	Notes  []string       `json:"notes,omitempty" doc:"How the file was read, where it is ambiguous."`
	Series []ImportSeries `json:"series,omitempty" doc:"What it means for the series of each software type."`
}

// ImportSeries is what an import means for the series of a software type.
type ImportSeries struct {
	Type            string `json:"type"`
	Incoming        int    `json:"incoming" doc:"Keys of the file that are of the type."`
	HighestIncoming string `json:"highest_incoming" doc:"Highest serial of them."`
	HighestPresent  string `json:"highest_present" doc:"Highest serial here before the import."`
	Collisions      int    `json:"collisions" doc:"Serials that are in use here with another secret."`
	NextBefore      string `json:"next_before" doc:"Next serial of the series before the import."`
	NextAfter       string `json:"next_after" doc:"Next serial of the series after it."`
}

// ImportReport is a run with the first of its rows.
type ImportReport struct {
	Import
	Rows   []ImportRow `json:"rows" nullable:"false"`
	Next   *string     `json:"next" doc:"Cursor of the rows that follow."`
	Sample *Sample     `json:"sample,omitempty" doc:"A code of the first token of a file that is not PSKC, to be compared with the device. Only in the answer to the upload."`
}

// ImportRows is a page of rows.
type ImportRows struct {
	Rows []ImportRow `json:"rows" nullable:"false"`
	Next *string     `json:"next"`
}

// ImportList is a page of runs, the newest first.
type ImportList struct {
	Imports []Import `json:"imports" nullable:"false"`
	Next    *string  `json:"next"`
}

// Sample is a code to be compared with what a device shows. It is a valid code.
type Sample struct {
	Serial  string     `json:"serial"`
	Code    string     `json:"code"`
	Counter *uint64    `json:"counter,omitempty" doc:"Counter of the code, for a token that counts presses."`
	Time    *time.Time `json:"time,omitempty" doc:"Time of the code, for a token that counts time."`
}

// Batch is a delivery: the imports that were given one name.
type Batch struct {
	Name     string    `json:"name"`
	Supplier string    `json:"supplier,omitempty"`
	Note     string    `json:"note,omitempty"`
	Imports  int       `json:"imports"`
	Tokens   int       `json:"tokens" doc:"Tokens that still exist."`
	Newest   time.Time `json:"newest" doc:"Time of the last import."`
}

// BatchList is a page of batches.
type BatchList struct {
	Batches []Batch `json:"batches" nullable:"false"`
	Next    *string `json:"next"`
}

// BatchState says how many tokens of a batch got another state.
type BatchState struct {
	Changed int `json:"changed"`
}
