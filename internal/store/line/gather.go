package line

import "runtime"

// gatherer decides how long a batch waits for company.
//
// Callers that were just answered come back within microseconds when the load
// is a closed loop. A batch begun with the first of them would leave the rest to
// the next sync, and batches would swing between one and all. So the gatherer
// yields the processor a few times while the queue still grows, but only as
// long as the batch is smaller than what the last ones were: a lone caller is
// never kept waiting.
type gatherer struct{ recent int }

const yields = 16

func (g *gatherer) fill(jobs <-chan *Job, batch *[]*Job) (next *Job) {
	for y := 0; ; y++ {
		for len(*batch) < MaxBatch {
			select {
			case j, ok := <-jobs:
				if !ok {
					return nil
				}
				if j.Attempt == nil {
					return j
				}
				*batch = append(*batch, j)
				continue
			default:
			}
			break
		}
		if y == yields || len(*batch) >= g.recent || len(*batch) == MaxBatch {
			break
		}
		runtime.Gosched()
	}
	// Falls by an eighth at a time, rises at once.
	g.recent = max(len(*batch), g.recent-g.recent/8-1)
	return nil
}
