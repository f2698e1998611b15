package auditlog

import "testing"

// A place that it holds nothing of makes the tail begin anew: what it holds has no gap.
func TestTailHasNoGap(t *testing.T) {
	t.Parallel()
	tail := NewTail(Usual)
	tail.Append(0, [][]byte{{}, {}})
	tail.Append(3000, [][]byte{{}})
	if r := tail.view(nil, 0); r.first != 3000 || r.beyond != 3001 {
		t.Errorf("behind a gap it holds %d to %d", r.first, r.beyond)
	}
}
