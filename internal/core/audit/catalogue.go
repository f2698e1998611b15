package audit

import "slices"

// described is an action of the catalogue with what its entries tell, for people.
type described struct {
	action Action
	tells  string
}

// catalogue describes every action, in the order of docs/operate.md, which shows it.
var catalogue = []described{
	{CodeVerified, "a code was tried: accepted, or refused and why"},
	{TokenResynced, "two codes in a row were tried, to bring a token back in step"},
	{TokenConfirmed, "the first code of a PENDING token was tried"},
	{TokenStaged, "a token came in with an import; it counts from import.published on"},
	{TokenCreated, "a software token was made"},
	{TokenAssigned, "a token was given to a user"},
	{TokenUnassigned, "a token was taken back into stock"},
	{TokenStateChanged, "the state of a token before and after, and the reason given"},
	{TokenDatesSet, "the dates of a token before and after"},
	{TokenLabelled, "the label of a token before and after"},
	{TokenReplaced, "a token was revoked, and its user has another"},
	{TokenUnlocked, "the wrong codes of a token were forgotten, and its lock"},
	{TokenDeleted, "a token and its secret were destroyed; where it stood"},
	{TokensExported, "tokens left in a file, with their secrets; which ones"},
	{TokenMoved, "a token lives on another server now, and was removed here"},
	{TokenRekeyed, "an import gave a token another secret"},
	{TokenUnbound, "the secret of a token was destroyed, and with it its device"},
	{SecretShared, "several tokens hold one secret, whose codes count once"},
	{EnrolmentRenewed, "a software token has a new enrolment link"},
	{EnrolmentShown, "a secret was shown to whoever opened the link"},
	{ActivationStarted, "an activation was begun, and by which way"},
	{ActivationTaken, "a device fetched an activation"},
	{ActivationConfirmed, "the first code of a device was tried; once accepted, the token is the device's"},
	{ActivationEnded, "an activation ended without a device: cancelled, expired or replaced"},
	{ActivationReset, "the counts that limit activations begin anew"},
	{ImportPublished, "an import is done; its tokens are in stock"},
	{ImportAbandoned, "an import broke off, and nothing of it was taken in"},
	{ImportCancelled, "somebody cancelled an import, and nothing of it was taken in"},
	{ImportRowsRemoved, "what a report said of single keys was removed, because its time was over"},
	{UserAdded, "a user was made"},
	{UserStaged, "an import made a user, who is there from import.published on"},
	{UserRenamed, "a user has another name; all that is the user's stays so"},
	{UserDeleted, "a user was deleted"},
	{UserUnlocked, "the wrong codes under a user's name were forgotten"},
	{CodesIssued, "a user got temporary codes"},
	{CodesRevoked, "the temporary codes of a user were revoked"},
	{TypeCreated, "a token type was made"},
	{TypeChanged, "a token type before and after"},
	{TypeRetired, "no new tokens of a type are made"},
	{TypeRestored, "new tokens of a retired type are made again"},
	{ProfileCreated, "a profile for activations was made"},
	{ProfileRetired, "no new tokens are made by a profile, and none is activated by it for the first time"},
	{ProfileRestored, "a retired profile is for new tokens again"},
	{ProfileLimited, "the limits of a profile's activations before and after; 0 is the server's flag"},
	{SeriesSet, "somebody set the next serial of a series"},
	{SeriesAdvanced, "a series moved on, by serials that were made or imported"},
	{KeyCreated, "an API key was made, with its id and role"},
	{KeyRevoked, "an API key was revoked"},
	{KeyExpired, "an API key was used after its end, and refused; told once an hour"},
	{SessionStarted, "ROOT logged in over HTTP, or was refused"},
	{SessionEnded, "ROOT logged out"},
	{RootPasswordSet, "ROOT has a new password"},
	{ServerStarted, "the server started, and its version"},
	{ServerStopped, "the server was stopped"},
	{DatabaseCreated, "the database was made, with its keys"},
	{DatabaseRestored, "an older copy of the database was accepted, with or without --fence, and why"},
	{IntegrityBegun, "the server was upgraded; what stood in the database before is taken on trust"},
	{RowForged, "a row was found that another program wrote"},
	{RefusalsSuppressed, "how many refusals of one caller were only counted"},
	{Verified, "the server verified the log and the state, and what it found"},
	{Archived, "old entries are in a file and no longer here; which, up to when, and the SHA-256 of the file"},
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
