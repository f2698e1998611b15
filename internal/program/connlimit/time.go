package connlimit

import (
	"net/http"
	"time"
)

const (
	// bodyPatience is what each body may take, and slowest, in bytes a second, what
	// its declared size adds, up to bodyLimit. An operation that takes streams
	// sets deadlines of its own.
	bodyPatience = 10 * time.Second
	slowest      = 16 << 10
	bodyLimit    = 5 * time.Minute
	// stall is how long a client may keep a write of the answer waiting.
	stall = 60 * time.Second
)

// bodyTime is how long a body may take that declares a size; -1 declares none.
func bodyTime(size int64) time.Duration {
	if size <= 0 {
		return bodyPatience
	}
	if size >= int64(bodyLimit/time.Second)*slowest {
		return bodyLimit
	}
	return min(bodyPatience+time.Duration(size)*time.Second/slowest, bodyLimit)
}

// Timed bounds how long a client can keep h waiting: for the body of a request, and
// for the reading of the answer. How long h takes is its own business: net/http ends the
// deadline of a body with the body. A connection whose request gives no length is not
// used again: such a request may have had one all the same, and then a proxy may
// have seen another end of it (RFC 9112, section 6.1).
func Timed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := &writer{ResponseWriter: w, control: http.NewResponseController(w), stream: r.ProtoMajor > 1}
		if !out.stream {
			if len(r.TransferEncoding) > 0 {
				w.Header().Set("Connection", "close")
			}
			out.extend() // what the request before has left is over
		}
		if r.Body != nil && r.Body != http.NoBody {
			_ = out.control.SetReadDeadline(time.Now().Add(bodyTime(r.ContentLength)))
		}
		h.ServeHTTP(out, r)
		if out.stream { // what is buffered is still to be sent
			_ = out.control.SetWriteDeadline(time.Now().Add(stall))
		}
	})
}

// writer gives each write of the answer a deadline. That of an HTTP/2 stream ends the
// stream even if nothing is being written, so it is taken away again.
type writer struct {
	http.ResponseWriter
	control *http.ResponseController
	stream  bool
	until   time.Time
}

func (w *writer) extend() {
	if now := time.Now(); w.stream || w.until.Sub(now) < stall/2 {
		w.until = now.Add(stall)
		_ = w.control.SetWriteDeadline(w.until)
	}
}

func (w *writer) relax() {
	if w.stream {
		_ = w.control.SetWriteDeadline(time.Time{})
	}
}

// Write writes a part of the answer.
func (w *writer) Write(p []byte) (int, error) {
	w.extend()
	defer w.relax()
	return w.ResponseWriter.Write(p)
}

// FlushError sends what was written.
func (w *writer) FlushError() error {
	w.extend()
	defer w.relax()
	return w.control.Flush()
}

// Unwrap lets http.ResponseController reach the connection.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
