package serve

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestGarbageIsBounded(t *testing.T) {
	for _, c := range []struct {
		live    uint64
		percent int
	}{
		{0, 400}, {1, 400}, {32 << 20, 400}, {64 << 20, 300}, {128 << 20, 200}, {1 << 30, 112}, {1 << 40, 100},
	} {
		if got := garbagePercent(c.live); got != c.percent {
			t.Errorf("%d bytes in use: %d %%, want %d %%", c.live, got, c.percent)
		}
	}
}

// The collector is set anew after each collection.
func TestCollectorFollowsWhatIsInUse(t *testing.T) {
	t.Cleanup(func() { debug.SetGCPercent(usualPercent) })
	followCollector()
	held := make([]byte, 384<<20)
	wait := time.Now().Add(time.Minute)
	for percent() > 160 {
		if time.Now().After(wait) {
			t.Fatalf("%d %% with 384 MiB in use", percent())
		}
		runtime.GC()
	}
	runtime.KeepAlive(held)
	for percent() < 300 {
		if time.Now().After(wait) {
			t.Fatalf("%d %% with little in use", percent())
		}
		runtime.GC()
	}
}

func percent() int {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return int(sample[0].Value.Uint64())
}
