// Package activation makes a software authenticator out of a phone in one step: the
// formats that a server and an app exchange so that both hold one secret. It is
// for whoever builds such a server or such an app; docs/protocol.md describes
// every format to the byte, and the files in testdata/vectors/activation hold
// cases that must be accepted and cases that must be refused.
//
// It is computation only. It knows no clock, stores nothing and does no I/O;
// randomness, keys and times are arguments. (HPKE encapsulation alone draws its
// own randomness, in [Request.Seal].) One thing is expensive by design:
// [Vector.MakeCode] and [Vector.OpenCode] with a password run Argon2id with the
// memory and the lanes that the profile names, so a server bounds how many run at a
// time. Nothing else runs in parallel.
//
// # The pieces
//
// A [Profile] is the parameter sheet of an organisation's authenticators: which
// applications (one-time passwords, challenge and response, signatures), which PIN,
// which kind of activation. Its public form, which goes into every app, is the
// static vector, a [Vector]. It never changes: an edited profile is a new one with
// a new id.
//
// A token has a serial: the profile's prefix and a number. Each activation of it
// makes an epoch with a secret S of 16 bytes, see [NewSecret]. S travels in an
// activation code, encrypted under the profile key, and with an activation password
// under that as well. The profile key is in every app and so no secret: without a
// password the code is as secret as the way it travels.
//
// From S come the keys of the applications, one each: [Vector.AppKey].
//
// # Offline
//
// The server calls [NewSecret] and [Vector.MakeCode], and sends serial and code by
// one way and the password, from [NewPassword], by another. The code is typed, or
// scanned from a [QRBody]. The app calls [Vector.Serial] and [Vector.OpenCode]. The
// user types the first one-time password that the app shows into the server's page:
// the new epoch counts from then on, and the old one no more.
//
// # Online
//
// The server makes an [Offer] with a [RegistrationCode] and shows it in a session
// of the user. The app calls [NewExchange] and posts [Exchange.Request]. The server
// looks the offer up by [Locator], calls [OpenRequest], [Request.Seal] with the same
// activation code in a [FAD], and [Request.Answer]. The app calls [Exchange.Open]
// and [Vector.OpenCode], posts [Exchange.Confirm] with its first one-time password,
// and reads [Exchange.Result] of what [Confirm.Answer] gave.
//
// # Reactivation
//
// It is the same with a new epoch. A profile with applications that count events
// needs the counters as well, so that the new device goes on where the server is:
// offline as digits ([Vector.MakeERC], [Vector.ReadERC]), online sealed, as the
// counters of Seal and of [Delivery]. The activation code is bound to them. The
// device takes them by [Vector.StartCounter].
//
// # Device binding
//
// With it the device draws a secret of its own, [NewDeviceSecret], which goes into
// all keys, and proves it to the server by a [DerivationCode] with the confirmation.
// Once a device is bound, its activation code is worth nothing, even with the
// password.
//
// # What the caller must do
//
// The server: draw a new S whenever a device was lost or replaced. Keep S, the
// device secret and registration codes encrypted. Count wrong confirmations, five
// for an offer, over all doors. Let the old epoch count until the new one is
// confirmed, unless the token was reported lost. Let the first request with a right
// MAC take an offer; give the identical request ([Request.Hash]) the same [Sealed]
// again for ten minutes and refuse any other. Throttle wrong MACs by source.
//
// The app: refuse a vector other than the one it was configured with, and if it has
// none show issuer, name and [Vector.Fingerprint] and ask. Take the offer or the
// link only after the user agreed.
//
// # Secrets and errors
//
// Keys, codes and passwords are of type [Secret], which does not print; a
// [RegistrationCode] does not either. Convert a Secret to string or []byte to use
// it. MACs and check symbols are compared in constant time. No error holds a secret
// or a part of one.
//
// Errors are the sentinels of this package, some with a reason added; test for them
// with [errors.Is]. Each is a different thing for the user to do, and its text says
// what.
package activation
