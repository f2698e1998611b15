package audit

import "slices"

// described is an action of the catalogue with what its entries tell, for people.
type described struct {
	action Action
	tells  string
}

// catalogue describes every action, in the order of docs/operate.md, which shows it.
var catalogue = []described{
	{CodeVerified, "a code was checked: accepted, or refused and why; for which client, if the caller named one"},
	{TokenResynced, "two consecutive codes were checked to resynchronize a token"},
	{TokenConfirmed, "the first code of a PENDING token was checked"},
	{TokenStaged, "an import read a token, which is available from import.published on"},
	{TokenCreated, "a software token was created"},
	{TokenAssigned, "a token was assigned to a user"},
	{TokenUnassigned, "a token was unassigned and is free again"},
	{TokenStateChanged, "the state of a token before and after, and the reason given"},
	{TokenDatesSet, "the dates of a token before and after"},
	{TokenLabelled, "the label of a token before and after"},
	{TokenReplaced, "a token was revoked, and its user has another"},
	{TokenUnlocked, "a token was unlocked and its count of wrong codes cleared"},
	{TokenDeleted, "a token and its secret were deleted; its last counter"},
	{TokensExported, "tokens were exported to a file with their secrets; which ones"},
	{TokenMoved, "a token moved to another server and was deleted here"},
	{TokenRekeyed, "an import gave a token another secret"},
	{TokenUnbound, "the secret of a token was deleted, which ends its device"},
	{SecretShared, "several tokens hold one secret; each code counts once for all of them"},
	{EnrolmentRenewed, "a software token has a new enrolment link"},
	{EnrolmentShown, "a secret was shown to the person who opened the link"},
	{ActivationStarted, "an activation was begun, and by which route"},
	{ActivationTaken, "a device fetched an activation"},
	{PasswordShown, "a user was shown the password of an activation in self-service"},
	{ActivationConfirmed, "the first code of a device was checked; once accepted, the device is activated"},
	{ActivationEnded, "an activation ended without a device: cancelled, expired or replaced"},
	{ActivationReset, "the counts that limit activations were reset"},
	{ImportPublished, "an import is complete; its tokens are available"},
	{ImportAbandoned, "an import was interrupted; nothing was imported"},
	{ImportCancelled, "somebody cancelled an import; nothing was imported"},
	{ImportRowsRemoved, "the rows of an old import report were removed"},
	{JobStarted, "a change of many tokens was begun: what, and of how many"},
	{JobEnded, "a change of many tokens ended or was cancelled, and with what result"},
	{UserAdded, "a user was added"},
	{UserStaged, "an import added a user, who is available from import.published on"},
	{UserRenamed, "a user has another name and keeps everything else"},
	{UserDeleted, "a user was deleted"},
	{UserUnlocked, "the count of wrong codes under a user's name was cleared"},
	{CodesIssued, "temporary codes were issued to a user"},
	{CodesRevoked, "the temporary codes of a user were revoked"},
	{TypeCreated, "a token type was created"},
	{TypeChanged, "a token type before and after"},
	{TypeRetired, "a type was retired: no new tokens of it can be created"},
	{TypeRestored, "a retired type is in use again"},
	{ProfileCreated, "a profile for activations was created"},
	{ProfileRetired, "a profile was retired: no new tokens and no first activations"},
	{ProfileRestored, "a retired profile is in use again"},
	{ProfileLimited, "the limits of a profile's activations before and after; 0 is the flag of the server"},
	{SeriesSet, "somebody set the next serial of a series"},
	{SeriesAdvanced, "the next serial of a series rose, because tokens were created or imported"},
	{KeyCreated, "an API key was created, with its id and role"},
	{KeyRevoked, "an API key was revoked"},
	{KeyExpired, "an API key was refused because it had expired; recorded at most once an hour"},
	{SessionStarted, "an administrator signed in with the password, or was refused"},
	{SessionProven, "a code or a passkey was checked in a session: accepted, or refused"},
	{SessionEnded, "an administrator signed out, or sessions were ended; how many"},
	{SelfSignedIn, "a user signed in to self-service, and by what: token, code or link"},
	{SelfSignedOut, "a user signed out of self-service, or ended all sessions there"},
	{LinkIssued, "a user was given a link to self-service, what for and until when"},
	{RootPasswordSet, "ROOT has a new password"},
	{AdminAdded, "an administrator was added, with id and role"},
	{AdminRoleSet, "the role of an administrator before and after"},
	{AdminPasswordSet, "an administrator has another password; whether it must be changed at the next sign-in"},
	{AdminDisabled, "an administrator was disabled: no sign-in, and all sessions ended"},
	{AdminEnabled, "an administrator who was disabled may sign in again"},
	{PasskeyAdded, "an administrator has another passkey"},
	{PasskeyRemoved, "a passkey of an administrator was removed"},
	{ServerStarted, "the server started, and its version"},
	{ServerStopped, "the server was stopped"},
	{DatabaseCreated, "the database was created, with its keys"},
	{DatabaseRestored, "an older copy of the database was accepted, with or without --fence, and why"},
	{DatabaseMoved, "a step of a move to another database: closed, handed over, taken over or taken back; where to"},
	{IntegrityBegun, "the server was upgraded; earlier contents of the database are taken on trust"},
	{RowForged, "a row was found that another program wrote"},
	{EventsRetried, "an event that was not taken by its receiver is sent again, or all that were given up"},
	{RefusalsSuppressed, "how many refusals of one caller were counted but not recorded singly"},
	{Verified, "the server verified the log and the state, and what it found"},
	{Archived, "old entries were moved to a file: which, up to when, and the SHA-256 of the file"},
}

// Actions gives the catalogue.
func Actions() []Action {
	all := make([]Action, len(catalogue))
	for i, d := range catalogue {
		all[i] = d.action
	}
	return all
}

// Tells says in one sentence without a full stop what the entries of an action tell;
// empty for an action that is not known.
func (a Action) Tells() string {
	i := slices.IndexFunc(catalogue, func(d described) bool { return d.action == a })
	if i < 0 {
		return ""
	}
	return catalogue[i].tells
}
