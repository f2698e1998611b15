package nodes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// FollowEvery is how far a copy may be behind the database.
const FollowEvery = time.Second

// Follower tells those of this node who keep copies of the database that another node may
// have changed it. Its functions are called by Turn only.
type Follower struct {
	DB  store.DB
	Now func() time.Time
	// Settings read again what follows from settings, keys, types and profiles. One that
	// fails is called again in the next turn. Each calls store.Reader.CheckSettings.
	Settings []func(context.Context) error
	// Unlocked is told whom some node has unlocked: a user, a token, or both; 0 is nobody.
	Unlocked func(user int64, id token.ID)

	version  [32]byte             // of the settings that were read
	unlocked map[string]time.Time // those that were told of, by when
}

// Turn looks once whether something has changed.
func (f *Follower) Turn(ctx context.Context) error {
	var version [32]byte
	var unlocked []store.Memo
	err := f.DB.View(ctx, func(r store.Reader) (err error) {
		if version, err = r.SettingsVersion(); err == nil {
			unlocked, err = r.Memos(unlockedMemo, f.Now().Add(-Overlap))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("look for changes of other servers: %w", err)
	}
	return errors.Join(f.settings(ctx, version), f.tellUnlocked(unlocked))
}

// settings has them read again, if they are of another version than the last time.
func (f *Follower) settings(ctx context.Context, version [32]byte) error {
	if version == f.version {
		return nil
	}
	for _, read := range f.Settings {
		if err := read(ctx); err != nil {
			return fmt.Errorf("read the settings that another server has changed: %w", err)
		}
	}
	f.version = version
	return nil
}

// tellUnlocked tells of those memos that were not there in the turn before. This node's own
// are among them, which does no harm.
func (f *Follower) tellUnlocked(memos []store.Memo) error {
	seen := make(map[string]time.Time, len(memos))
	for _, m := range memos {
		seen[m.About] = m.Changed
		if f.unlocked[m.About].Equal(m.Changed) {
			continue
		}
		user, id, err := ParseSubject(m.About)
		if err != nil {
			return err
		}
		f.Unlocked(user, id)
	}
	f.unlocked = seen
	return nil
}

// Overlap is how far back a node looks for what others have written since its last turn:
// their clocks differ, and a commit may come later than the time that it names.
const Overlap = 15 * time.Second

// ClientMemo is what is remembered of the wrong codes of clients, about a Subject.
const ClientMemo = "wrong codes of a client"

const (
	unlockedMemo = "unlocked"
	subjectForm  = "user %d token %d"
)

// Subject is what memos are about: a user, or a token of nobody's; the other is 0.
func Subject(user int64, id token.ID) string { return fmt.Sprintf(subjectForm, user, id) }

// ParseSubject reverses Subject.
func ParseSubject(about string) (user int64, id token.ID, err error) {
	if _, err = fmt.Sscanf(about, subjectForm, &user, &id); err != nil {
		err = fmt.Errorf("a memo about %q: %w", about, err)
	}
	return user, id, err
}

// TellUnlocked tells all nodes that a user, a token or both are unlocked, in the transaction
// that does it, and forgets what is remembered of clients there. 0 stands for none.
func TellUnlocked(tx store.Tx, user int64, id token.ID, now time.Time) error {
	return errors.Join(tx.ForgetMemos(ClientMemo, Subject(user, 0)), tx.ForgetMemos(ClientMemo, Subject(0, id)),
		tx.SetMemo(store.Memo{What: unlockedMemo, About: Subject(user, id), Until: now.Add(2 * Overlap)}, now))
}
