package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/audit"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/codes"
	"ostiary/internal/formats/qr"
	"ostiary/internal/store"
)

type showEnrolmentInput struct{ Body wire.EnrolmentRequest }
type showEnrolmentOutput struct{ Body wire.EnrolmentSecret }
type confirmEnrolmentInput struct{ Body wire.EnrolmentConfirm }

// enrolmentRoutes are for the user who holds an enrolment link. They need no
// key: the link, and then the ticket, is what gives the right.
func (a *API) enrolmentRoutes() {
	open := func(id, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: http.MethodPost, Path: path, Summary: summary,
			Tags: []string{"Enrolment"}, MaxBodyBytes: 4 << 10,
			Security: []map[string][]string{}, Errors: []int{http.StatusNotFound, http.StatusConflict}}
	}
	huma.Register(a.huma, open("show-enrolment", "/api/v1/enrolment/show", "Use up an enrolment link: show the "+
		"secret, this once"),
		func(ctx context.Context, in *showEnrolmentInput) (*showEnrolmentOutput, error) {
			c := callerOf(ctx)
			out, err := a.showEnrolment(ctx, in.Body.Token, enrolmentOrigin(c))
			if err != nil {
				return nil, a.problem(ctx, c, err)
			}
			return out, nil
		})
	huma.Register(a.huma, open("confirm-enrolment", "/api/v1/enrolment/confirm", "Make the token VALID by "+
		"its first code"),
		func(ctx context.Context, in *confirmEnrolmentInput) (*verifyOutput, error) {
			c := callerOf(ctx)
			valid, err := a.confirmEnrolment(ctx, c, in.Body)
			if err != nil {
				return nil, a.problem(ctx, c, err)
			}
			return &verifyOutput{wire.VerifyResponse{Valid: valid}}, nil
		})
}

func (a *API) showEnrolment(ctx context.Context, link string, origin audit.Origin) (*showEnrolmentOutput, error) {
	shown, err := a.cfg.Lifecycle.ShowSecret(ctx, link, origin)
	if err != nil {
		return nil, err
	}
	uri := string(shown.URI.Bytes())
	code, err := qr.Encode(uri, qr.M)
	if err != nil {
		return nil, err
	}
	var picture strings.Builder
	if err := code.SVG(&picture, qr.SVGOptions{}); err != nil {
		return nil, err
	}
	return &showEnrolmentOutput{wire.EnrolmentSecret{Serial: shown.Token.Identity.Serial, Issuer: shown.Token.Issuer,
		Account: shown.Account,
		Digits:  shown.Token.Spec.Digits, URI: uri, QR: picture.String(), Ticket: string(shown.Ticket.Bytes()),
		Expires: shown.Expires}}, nil
}

func (a *API) confirmEnrolment(ctx context.Context, c caller, in wire.EnrolmentConfirm) (valid bool, err error) {
	id, err := a.cfg.Lifecycle.TicketToken(ctx, in.Ticket)
	if err != nil {
		return false, err
	}
	lookup := store.Lookup{Serial: id.Serial, Type: id.Type, Manufacturer: &id.Manufacturer, KeyID: &id.KeyID}
	return a.cfg.Verifier.Confirm(ctx, codes.ConfirmRequest{Lookup: lookup, OTP: in.OTP, Origin: enrolmentOrigin(c)})
}

// enrolmentOrigin is whoever holds the link, whatever else the request brought.
func enrolmentOrigin(c caller) audit.Origin {
	return audit.Origin{Actor: "enrolment", Source: c.source, Request: c.request}
}
