// Package authenticator is the engine of a software authenticator: the vault that
// keeps the secrets of its accounts, PINs, activation by every route, and the codes.
// A phone, a web page or a command line puts screens around it.
//
// It does no I/O of its own. Storage, the key store of the platform, clock,
// randomness and the way to a server are given to [Open] in a [Config]. It builds
// for js/wasm.
//
// # Activation
//
// An account comes into a vault by [Vault.Activate], with what a letter or a code
// image says (see activation.ReadQRBody), or by [Vault.Begin] and [Online.Finish],
// with an offer of a server. Where the vault has an account of that profile and serial
// already, it is a reactivation: the account gets the new keys and a new PIN, its event
// counters do not fall behind what the profile allows, and an application that counts
// events needs the server's counters. The app tells the user before, with the issuers
// of both ([Vault.Replaces], [Online]).
//
// An account is a profile, by the hash of its static vector, and a serial. The issuer's
// key in a vector proves nothing in an activation in one step, as nothing is signed: a
// vector of somebody else makes another account, beside the one that is there.
//
// What Activate returns is typed into the server's page: only then do the new codes
// count there. Online the engine proves it itself. While it is not known whether the
// server has taken a reactivation by a code, or a proof whose answer never came, the
// account is unconfirmed: it shows the new codes, keeps the old keys, and waits for
// [Vault.Confirm] or [Vault.Settle].
//
// # Codes
//
// [Vault.Code] gives one-time passwords, [Vault.Answer] answers to challenges,
// [Vault.Sign] signatures. Each takes the PIN of the account.
//
// # PIN
//
// At level hash a wrong PIN is noticed. A try is written down as spent before the
// PIN is looked at, and given back when it was right, so that cutting the power
// saves no try. When the tries are used up the secrets are erased, or wrong codes
// are shown until the right PIN comes, as the profile says. At level none nobody can
// tell: a wrong PIN gives wrong codes, and the server counts them. Nothing is kept there
// that a guess could be held against, not even the code that proves an activation: to
// send it again, the PIN makes it again.
//
// # What is kept, and how
//
// Each account is one record, and each operation that changes it replaces the record
// in one step (see [Storage]); whatever is interrupted leaves the old record or the
// new one. An event counter is stored before the code is returned. All of a record is
// encrypted under a key of the platform; within it, the secret of the account under
// the PIN. With binding there is a device secret, under the platform's key alone.
//
// What this protects: a copy of the records without the platform's key is worth
// nothing. With that key the PIN of level hash can be searched for; at level none
// only the server can tell a right guess. Old copies of records that somebody puts
// back bring back old counters and tries.
//
// # Secrets and errors
//
// PINs, codes and keys are activation.Secret, which does not print; what is no longer
// needed is overwritten, as far as Go allows. Errors are the sentinels of this package
// and of package activation, to be told apart with errors.Is. Each asks something
// else of the user, and says what. None holds a secret or a part of one.
package authenticator
