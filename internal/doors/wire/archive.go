package wire

import "time"

// ArchiveRequest asks for the archive of all entries up to the last checkpoint before a
// time.
type ArchiveRequest struct {
	Before time.Time `json:"before" doc:"Entries up to the last checkpoint before this time."`
}

// ArchiveRemoval says which archive the caller has, so that its entries are removed.
type ArchiveRemoval struct {
	Before time.Time `json:"before" doc:"As requested."`
	To     int64     `json:"to" minimum:"1" doc:"One more than the place of the last entry of the file."`
	SHA256 string    `json:"sha256" pattern:"^[0-9a-f]{64}$" doc:"Of the whole file."`
}

// Archive is a file with entries that are no longer in the database.
type Archive struct {
	From   int64     `json:"from" doc:"Place of its first entry."`
	To     int64     `json:"to" doc:"One more than the place of its last entry."`
	Until  time.Time `json:"until" doc:"Its entries are older."`
	SHA256 string    `json:"sha256" doc:"Of the whole file."`
}
