package activation

import (
	"net/netip"
	"strconv"
	"strings"

	"ostiary/internal/codec/cbor"
)

// Offer is the offer of an online activation. Whoever has it can take it: it is
// shown in an authenticated session, or sent over a second channel.
type Offer struct {
	// Server is https://host or https://host:port in lower case, at most 200 bytes;
	// http for 127.0.0.1, [::1] and localhost only.
	Server string
	Code   RegistrationCode
}

// Encode returns the payload of a [Message] of [TypeOffer]. The error is
// [ErrServer], or [ErrRegistrationEmpty] for the zero code.
func (o Offer) Encode() (Secret, error) {
	if !validServer(o.Server) {
		return nil, ErrServer
	}
	if o.Code.text == nil {
		return nil, ErrRegistrationEmpty
	}
	b := cbor.AppendMap(nil, 3)
	b = cbor.AppendUint(cbor.AppendUint(b, 0), version1)
	b = cbor.AppendText(cbor.AppendUint(b, 1), o.Server)
	return cbor.AppendText(cbor.AppendUint(b, 2), string(o.Code.Text())), nil
}

// ParseOffer reads the payload. The error is [ErrMessage], [ErrVersion] or
// [ErrServer].
func ParseOffer(payload []byte) (Offer, error) {
	d := cbor.NewDecoder(payload)
	d.Map()
	readVersion(d)
	d.Key(1)
	server := d.Text()
	d.Key(2)
	text := d.Text()
	d.Close()
	if err := d.End(); err != nil {
		return Offer{}, refusal(ErrMessage, err)
	}
	if !validServer(server) {
		return Offer{}, ErrServer
	}
	code, err := ParseRegistrationCode(text)
	if err != nil || string(code.Text()) != text {
		return Offer{}, &detail{ErrMessage, "registration code"}
	}
	return Offer{server, code}, nil
}

const maxServer = 200

// validServer reports whether an address is one that an app may be sent to.
// Package net/url would let through much else, and is too large for a phone.
func validServer(address string) bool {
	if len(address) > maxServer {
		return false
	}
	rest, secure := strings.CutPrefix(address, "https://")
	if !secure {
		var plain bool
		if rest, plain = strings.CutPrefix(address, "http://"); !plain {
			return false
		}
	}
	host, port, ok := rest, "", true
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, ']') {
		host, port = rest[:i], rest[i+1:]
		ok = validPort(port)
	}
	if !ok || !validHost(host) {
		return false
	}
	return secure || host == "localhost" || host == "127.0.0.1" || host == "[::1]"
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == port
}

// validHost takes names, and IPv4 addresses and IPv6 addresses in brackets in their one
// canonical form (RFC 5952 section 4), so that one server has one address. A name whose
// last part begins with a digit is an address to some programs, and must be one.
func validHost(host string) bool {
	if address, ok := strings.CutPrefix(host, "["); ok {
		address, ok = strings.CutSuffix(address, "]")
		a, err := netip.ParseAddr(address)
		return ok && err == nil && a.Is6() && a.Zone() == "" && a.String() == address
	}
	if last := host[strings.LastIndexByte(host, '.')+1:]; last != "" && '0' <= last[0] && last[0] <= '9' {
		a, err := netip.ParseAddr(host)
		return err == nil && a.Is4() && a.String() == host
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; (c < 'a' || 'z' < c) && (c < '0' || '9' < c) && c != '-' {
				return false
			}
		}
	}
	return true
}
