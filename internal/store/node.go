package store

import "time"

// Node is a server that works on the database. Several may, on one that takes them.
type Node struct {
	ID      int64
	Name    string // of the machine
	Started time.Time
	Seen    time.Time // zero for one that has stopped
}

// NodeReader reads what the nodes know of each other.
type NodeReader interface {
	// Nodes lists those that were seen after a time, the one seen longest ago first.
	Nodes(after time.Time) ([]Node, error)
	// SettingsVersion is another one after each change of a setting, a key, a token type or
	// a profile: the digest of the small tables, as the record of the head has it. Nothing
	// is proven by it; see CheckSettings.
	SettingsVersion() ([32]byte, error)
	// CheckSettings demands that the small tables are as this program wrote them;
	// ErrTampered otherwise. Who reads them again while the server runs calls it first.
	CheckSettings() error
}

// NodeWriter lets nodes tell each other that they live.
type NodeWriter interface {
	// AddNode gives a node a number that none had before.
	AddNode(name string, at time.Time) (int64, error)
	// SeeNode says when a node was seen last; the zero time for one that stops. ErrConflict
	// if there is no such node.
	SeeNode(id int64, at time.Time) error
}

// Session is a stay of somebody who has signed in with a password.
type Session struct {
	ID      []byte // a keyed hash of what the caller brings
	Name    string // who signed in
	Started time.Time
	Used    time.Time // a little behind
	Proof   []byte    // by which the engine knows the row; to the store it is bytes
	// Kind, Admin, Source and Agent are what the engine says of it; to the store they are
	// texts. Admin is the ID of the account, if it is one of an Admin.
	Kind, Admin, Source, Agent string
	// Factor is what proved who it is beside the password, and Fresh when it did so last;
	// zero for never.
	Factor string
	Fresh  time.Time
	// Challenge is what a passkey is asked to sign now, as the engine knows it; empty for
	// nothing.
	Challenge string
}

// SessionReader reads sessions.
type SessionReader interface {
	Session(id []byte) (Session, error)
	// Sessions lists those of a name, the oldest first.
	Sessions(name string) ([]Session, error)
}

// SessionWriter begins sessions and ends them.
type SessionWriter interface {
	// AddSession returns ErrConflict if there is one of its ID.
	AddSession(Session) error
	// UseSession says when a session was used last. ErrConflict if it has ended.
	UseSession(id []byte, at time.Time) error
	// ProveSession replaces factor, time and proof of a session, and takes its challenge
	// away. ErrConflict if its proof is not before any more.
	ProveSession(before []byte, after Session) error
	// ChallengeSession replaces the challenge of a session, if it is still from; ErrConflict
	// otherwise.
	ChallengeSession(id []byte, from, to string) error
	// EndSession returns ErrConflict if there is none.
	EndSession(id []byte) error
	// EndSessions ends all sessions of a name; of everybody if it is empty.
	EndSessions(name string) error
}

// Memo is what all nodes remember together of somebody or something, until a time. It
// proves nothing: it slows down guessing, or tells news that come to nothing without it.
type Memo struct {
	What, About, Who string // name it
	N                int64
	Until            time.Time
	Changed          time.Time // as SetMemo was told
}

// MemoReader reads memos. One whose time is over may still be there.
type MemoReader interface {
	// Memo gives what is remembered; nothing but its name if that is nothing.
	Memo(what, about, who string) (Memo, error)
	// Memos lists those of a kind that were changed after a time, in this order.
	Memos(what string, after time.Time) ([]Memo, error)
}

// MemoWriter writes memos.
type MemoWriter interface {
	// SetMemo remembers something, whatever was remembered of it before. It forgets all
	// whose time is over now.
	SetMemo(m Memo, now time.Time) error
	// ForgetMemos forgets what is remembered about something.
	ForgetMemos(what, about string) error
}
