// Package audit is the log of everything that changed and every code that was
// tried: who, what, when, from where, before and after.
//
// The log is a Merkle tree in the manner of RFC 6962. An entry is a line of
// canonical JSON (Entry.Canonical); its leaf hash covers exactly the stored
// bytes. The store appends entries in the transaction of the change that they
// record and advances the tree head (Frontier) with them, so that there is no
// change without its entry and no entry without its change.
//
// A Checkpoint is the tree's size and root, signed with the server's Ed25519
// key in the form of a note (golang.org/x/mod/sumdb/note). Whoever edits,
// inserts or removes an entry must also forge every later checkpoint; whoever
// holds an exported checkpoint notices even then. Verify recomputes all of it
// from the entries.
package audit
