package serve

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// Go's collector runs by default when as much garbage lies about as memory is in use.
// A server that checks codes has little in use and makes garbage fast, so that a sixth of
// its processor time went there (docs/benchmarks.md). It may leave more: four times what
// is in use, as long as that is no more than spareGarbage above the default.
const (
	usualPercent = 100
	mostPercent  = 400
	spareGarbage = 128 << 20 // bytes
)

// collectLess sets the collector of this process, unless the environment does (GOGC).
var collectLess = sync.OnceFunc(func() {
	if os.Getenv("GOGC") == "" {
		followCollector()
	}
})

// followCollector sets the collector by what is in use, now and after each collection: what
// nobody holds is cleaned up by the next one.
func followCollector() {
	debug.SetGCPercent(garbagePercent(inUse()))
	runtime.AddCleanup(new([16]byte), func(struct{}) { followCollector() }, struct{}{})
}

// garbagePercent is how much garbage may lie about, in percent of the bytes in use.
func garbagePercent(live uint64) int {
	if live == 0 {
		return mostPercent
	}
	return usualPercent + int(min(mostPercent-usualPercent, 100*spareGarbage/live))
}

// inUse is how many bytes the last collection left.
func inUse() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
