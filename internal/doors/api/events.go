package api

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"ostiary/internal/doors/upload"
	"ostiary/internal/doors/wire"
	"ostiary/internal/store"
)

// eventStream writes server-sent events (HTML Living Standard, section 9.2), each
// with one line of JSON as its data.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func startEvents(w http.ResponseWriter) *eventStream {
	e := &eventStream{w: w, control: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy is not to gather them
	w.WriteHeader(http.StatusOK)
	_ = e.control.Flush() // whoever watches knows that it has begun
	return e
}

func (e *eventStream) send(name string, data any) {
	raw, err := json.Marshal(data)
	if err != nil {
		return
	}
	// Neither matters if the other side is gone: the work goes on.
	_ = e.control.SetWriteDeadline(time.Now().Add(upload.Stall))
	fmt.Fprintf(e.w, "event: %s\ndata: %s\n\n", name, raw)
	_ = e.control.Flush()
}

// importAnswer is how an upload is answered: once at its end, or by events.
type importAnswer interface {
	begun(run int64)
	progress(store.RunCounts)
	report(wire.ImportReport)
	problem(*Problem)
}

// answerFor chooses by what the request accepts.
func answerFor(w http.ResponseWriter, r *http.Request) importAnswer {
	for accept := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		if kind, _, err := mime.ParseMediaType(accept); err == nil && kind == "text/event-stream" {
			return &eventAnswer{w: w}
		}
	}
	return plainAnswer{w}
}

type plainAnswer struct{ w http.ResponseWriter }

func (plainAnswer) begun(int64)                {}
func (plainAnswer) progress(store.RunCounts)   {}
func (p plainAnswer) problem(problem *Problem) { problem.write(p.w) }
func (p plainAnswer) report(rep wire.ImportReport) {
	p.w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(p.w).Encode(rep) // the client has disconnected if this fails
}

// eventAnswer begins to answer while the upload is still being read. What goes
// wrong before the run has begun is a plain answer with its own status.
type eventAnswer struct {
	w     http.ResponseWriter
	out   *eventStream
	run   int64
	since time.Time
	next  time.Time
}

func (e *eventAnswer) begun(run int64) {
	// HTTP/1 connections need to be told; others can do it anyway.
	// and such a one is not used again: the upload may not be read to its end.
	e.w.Header().Set("Connection", "close")
	_ = http.NewResponseController(e.w).EnableFullDuplex()
	e.run, e.since = run, time.Now()
	e.out = startEvents(e.w)
	e.out.send("begun", struct {
		ID int64 `json:"id"`
	}{run})
}

// progress is told after each chunk and passes it on a few times a second.
func (e *eventAnswer) progress(c store.RunCounts) {
	if now := time.Now(); now.After(e.next) {
		e.next = now.Add(watchEvery)
		e.out.send(
			"progress", wireImport(store.Run{ID: e.run, Opened: e.since, RunProgress: store.RunProgress{Counts: c}}))
	}
}

func (e *eventAnswer) report(rep wire.ImportReport) { e.out.send("report", rep) }

func (e *eventAnswer) problem(p *Problem) {
	if e.out == nil {
		p.write(e.w)
		return
	}
	e.out.send("problem", p)
}
