package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/events"
)

type listEventsInput struct {
	Page
	Dead bool `query:"dead" doc:"Those that were given up, instead of those that wait."`
}

type eventInput struct {
	ID string `path:"id" maxLength:"64"`
}

type (
	eventListOutput  struct{ Body wire.EventList }
	eventRetryOutput struct{ Body wire.EventRetry }
	eventTestOutput  struct{ Body wire.EventTestList }
)

func (a *API) outboxRoutes() {
	op := func(id, method, path, summary string, errors ...int) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: "/api/v1/events" + path, Summary: summary,
			Tags: []string{"Events"}, Errors: append(errors, http.StatusUnauthorized, http.StatusForbidden)}
	}
	register(a, authz.EventView, op("list-events", http.MethodGet, "", "List events that were not sent, the newest first",
		http.StatusUnprocessableEntity), browse(a, a.listEvents))
	register(a, authz.EventManage, op("retry-event", http.MethodPost, "/{id}/retry", "Send an event again at once",
		http.StatusNotFound, http.StatusConflict), a.retryEvent)
	register(a, authz.EventManage, op("retry-events", http.MethodPost, "/retry", "Send all events again that were given up"),
		a.retryEvents)
	test := op("test-events", http.MethodPost, "/test", "Send a message that tests the receiver", http.StatusConflict)
	test.Description = "Waits for the answer of the receiver, for up to 10 seconds."
	register(a, authz.EventManage, test, a.testEvents)
}

func (a *API) listEvents(ctx context.Context, _ caller, in *listEventsInput) (*eventListOutput, error) {
	before := int64(0)
	if in.After != "" {
		var err error
		if before, err = strconv.ParseInt(in.After, 10, 64); err != nil || before < 1 {
			return nil, fault.New(fault.Invalid, "cursor", "This is no cursor of a list of events.").
				WithHint("Use next of the page before, as it is.")
		}
	}
	list, err := a.cfg.Events.List(ctx, in.Dead, before, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &eventListOutput{}
	if len(list) > in.Limit {
		list = list[:in.Limit]
		out.Body.Next = new(strconv.FormatInt(list[in.Limit-1].Number, 10))
	}
	out.Body.Events = make([]wire.Event, len(list))
	for i, e := range list {
		out.Body.Events[i] = wireEvent(e)
	}
	return out, nil
}

func wireEvent(e events.Shown) wire.Event {
	out := wire.Event{ID: e.ID, Kind: string(e.Kind), Time: e.Time, User: e.User, Type: e.Type, Serial: e.Serial,
		Way: e.Way, Tries: e.Tries, Problem: e.Problem, Unreadable: e.Unreadable}
	if e.Dead {
		out.GivenUp = &e.Ended
	} else {
		out.Due, out.Expires = &e.Due, &e.Expires
	}
	return out
}

func (a *API) retryEvent(ctx context.Context, c caller, in *eventInput) (*eventRetryOutput, error) {
	err := a.cfg.Events.Retry(ctx, in.ID, c.origin())
	return &eventRetryOutput{wire.EventRetry{Retried: 1}}, err
}

func (a *API) retryEvents(ctx context.Context, c caller, _ *struct{}) (*eventRetryOutput, error) {
	n, err := a.cfg.Events.RetryAll(ctx, c.origin())
	return &eventRetryOutput{wire.EventRetry{Retried: n}}, err
}

func (a *API) testEvents(ctx context.Context, c caller, _ *struct{}) (*eventTestOutput, error) {
	tests, err := a.cfg.Events.Test(ctx, c.origin())
	if err != nil {
		return nil, err
	}
	out := &eventTestOutput{wire.EventTestList{Tests: make([]wire.EventTest, len(tests))}}
	for i, t := range tests {
		out.Body.Tests[i] = wire.EventTest{ID: t.ID, Way: t.Way, Taken: t.Problem == "", Millis: t.Took.Milliseconds(),
			Problem: t.Problem}
	}
	return out, nil
}
