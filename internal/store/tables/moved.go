package tables

import "ostiary/internal/store"

// movedSetting is there as long as the record of the head says that the database is moved.
const movedSetting = "moved"

func (r *Reader) Moved() ([]byte, error) { return r.Setting(movedSetting) }

func (t *Tx) SetMoved(what []byte) error {
	if !t.guard.Begun() {
		return store.ErrConflict
	}
	is := what != nil
	t.says.Moved = &is
	if !is {
		return t.DeleteSetting(movedSetting)
	}
	return t.SetSetting(movedSetting, what)
}
