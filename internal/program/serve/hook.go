package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"ostiary/internal/engine/activations"
)

const (
	hookQueue   = 1000 // events that wait at most
	hookTimeout = 10 * time.Second
	hookLongest = time.Minute // from one try to the next
)

// hook posts each event of an activation to an address, in their order, so that users
// are told of what happens to their tokens. While the address does not answer, events
// wait in memory and are tried again; those that find the queue full, or are left when
// the server stops, are in the program's log, and in any case in the audit log.
type hook struct {
	address, key string
	client       *http.Client
	queue        chan hookEvent
	log          *slog.Logger
	first        time.Duration // until the second try
}

// hookEvent is what is posted.
type hookEvent struct {
	Event       string    `json:"event"`
	Time        time.Time `json:"time"`
	Serial      string    `json:"serial"`
	Type        string    `json:"type"`
	User        string    `json:"user,omitempty"`
	Route       string    `json:"route"`
	Reason      string    `json:"reason,omitempty"`
	Again       bool      `json:"again"`
	SelfService bool      `json:"self_service"`
	DeviceType  string    `json:"device_type,omitempty"`
	DeviceName  string    `json:"device_name,omitempty"`
}

// newHook makes the hook of a configuration; nil if it has none.
func newHook(cfg Config, log *slog.Logger) *hook {
	if cfg.ActivationHook == "" {
		return nil
	}
	return &hook{address: cfg.ActivationHook, key: string(cfg.ActivationHookKey), log: log, first: time.Second,
		queue: make(chan hookEvent, hookQueue),
		client: &http.Client{Timeout: hookTimeout, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}}}
}

// checkHook refuses an address to which names of users and tokens would go in the clear.
func checkHook(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("the activation hook %q is not an address such as https://intranet.example.com/hook", text)
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" &&
		(ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("the activation hook %q must begin with https: it receives the names of users", text)
	}
	return nil
}

// told takes an event; it does not wait.
func (h *hook) told(e activations.Event) {
	if h == nil {
		return
	}
	event := hookEvent{Event: string(e.Kind), Time: e.Time, Serial: e.Serial, Type: e.Type, User: e.User,
		Route: string(e.Route), Reason: string(e.Reason), Again: e.Again, SelfService: e.Self, DeviceName: e.DeviceName}
	if e.DeviceName != "" {
		event.DeviceType = activations.DeviceType(e.DeviceType)
	}
	select {
	case h.queue <- event:
	default:
		h.lost(event, errors.New("too many events are waiting"))
	}
}

func (h *hook) lost(e hookEvent, why error) {
	h.log.Error("a user was not informed of an activation", "event", e.Event, "serial", e.Serial, "user", e.User,
		"error", why)
}

// run posts events until ctx ends. Each that is left is tried once more then; drain, when
// the last request has ended, tries those that came meanwhile.
func (h *hook) run(ctx context.Context) {
	if h == nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			h.drain(context.WithoutCancel(ctx))
			return
		case e := <-h.queue:
			h.deliver(ctx, e)
		}
	}
}

// deliver posts an event, again and again until it is taken or ctx ends.
func (h *hook) deliver(ctx context.Context, e hookEvent) {
	for wait := h.first; ; wait = min(2*wait, hookLongest) {
		err := h.post(ctx, e)
		if err == nil {
			return
		}
		h.log.Warn("the activation hook does not answer", "error", err, "again_in", wait)
		select {
		case <-ctx.Done():
			last, end := context.WithTimeout(context.WithoutCancel(ctx), lastTimeout)
			defer end()
			if err := h.post(last, e); err != nil {
				h.lost(e, err)
			}
			return
		case <-time.After(wait):
		}
	}
}

// drain tries what is left, within the time that the last things have.
func (h *hook) drain(ctx context.Context) {
	if h == nil {
		return
	}
	ctx, end := context.WithTimeout(ctx, lastTimeout)
	defer end()
	for {
		select {
		case e := <-h.queue:
			if err := h.post(ctx, e); err != nil {
				h.lost(e, err)
			}
		default:
			return
		}
	}
}

// post posts an event. Any status of 200 to 299 takes it.
func (h *hook) post(ctx context.Context, e hookEvent) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if h.key != "" {
		req.Header.Set("Authorization", "Bearer "+h.key)
	}
	resp, err := h.client.Do(req)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err // without the address, which may have a secret in it
	} else if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("it answered with status %d", resp.StatusCode)
	}
	return nil
}
