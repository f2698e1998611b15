package derive

import "ostiary/internal/core/audit"

// rule says what an action means for the state: how it is folded, or why it is not.
type rule struct {
	fold    func(*Fold, *act)
	because string
}

// rules holds every action of the catalogue.
var rules = map[audit.Action]rule{
	audit.CodeVerified:      {fold: (*Fold).coded},
	audit.TokenResynced:     {fold: (*Fold).coded},
	audit.TokenConfirmed:    {fold: (*Fold).coded},
	audit.TokenStaged:       {fold: (*Fold).created},
	audit.TokenCreated:      {fold: (*Fold).created},
	audit.TokenAssigned:     {fold: (*Fold).updated},
	audit.TokenUnassigned:   {fold: (*Fold).updated},
	audit.TokenStateChanged: {fold: (*Fold).updated},
	audit.TokenDatesSet:     {fold: (*Fold).updated},
	audit.TokenLabelled:     {fold: (*Fold).updated},
	audit.TokenReplaced:     {fold: (*Fold).updated},
	audit.TokenUnlocked:     {fold: (*Fold).updated},
	audit.TokenRekeyed:      {fold: (*Fold).updated},
	audit.TokenUnbound:      {fold: (*Fold).updated},
	audit.TokenDeleted:      {fold: (*Fold).removed},
	audit.TokenMoved:        {fold: (*Fold).removed},

	audit.ActivationConfirmed: {fold: (*Fold).activated},

	audit.ImportPublished: {fold: (*Fold).publish},
	audit.ImportAbandoned: {fold: (*Fold).abandon},
	audit.ImportCancelled: {fold: (*Fold).abandon},

	audit.DatabaseRestored: {fold: (*Fold).restored},

	audit.UserAdded:    {fold: (*Fold).userAdded},
	audit.UserStaged:   {fold: (*Fold).userAdded},
	audit.UserDeleted:  {fold: (*Fold).userDeleted},
	audit.UserRenamed:  {fold: (*Fold).userRenamed},
	audit.UserUnlocked: {fold: (*Fold).userUnlocked},
	audit.CodesIssued:  {fold: (*Fold).codesIssued},
	audit.CodesRevoked: {fold: (*Fold).codesRevoked},

	audit.KeyCreated:      {fold: (*Fold).keyCreated},
	audit.KeyRevoked:      {fold: (*Fold).keyRevoked},
	audit.RootPasswordSet: {fold: (*Fold).rootSet},

	audit.AdminAdded:       {fold: (*Fold).adminAdded},
	audit.AdminRoleSet:     {fold: (*Fold).adminChanged},
	audit.AdminPasswordSet: {fold: (*Fold).adminChanged},
	audit.AdminDisabled:    {fold: (*Fold).adminChanged},
	audit.AdminEnabled:     {fold: (*Fold).adminChanged},
	audit.PasskeyAdded:     {fold: (*Fold).passkeyAdded},
	audit.PasskeyRemoved:   {fold: (*Fold).passkeyRemoved},

	audit.TypeCreated:     {fold: (*Fold).typeCreated},
	audit.TypeChanged:     {fold: (*Fold).typeChanged},
	audit.TypeRetired:     {fold: (*Fold).typeChanged},
	audit.TypeRestored:    {fold: (*Fold).typeChanged},
	audit.SeriesSet:       {fold: (*Fold).seriesMoved},
	audit.SeriesAdvanced:  {fold: (*Fold).seriesMoved},
	audit.ProfileCreated:  {fold: (*Fold).profileCreated},
	audit.ProfileRetired:  {fold: (*Fold).profileRetired},
	audit.ProfileRestored: {fold: (*Fold).profileRetired},
	audit.ProfileLimited:  {fold: (*Fold).profileLimited},

	audit.IntegrityBegun: {fold: (*Fold).begunAnew},

	audit.DatabaseMoved:   {because: "it says which of two equal databases lives"},
	audit.DatabaseCreated: {because: "what it is made with is not told by entries"},
	audit.RowForged:       {because: "it tells that a row was found forged, and changes none"},
	audit.SecretShared:    {because: "the floor of a secret is beside the counters of its tokens, which are followed"},

	audit.KeyExpired:         {because: "it tells that a key was refused, and changes no row"},
	audit.ServerStarted:      {because: "it changes no row"},
	audit.ServerStopped:      {because: "it changes no row"},
	audit.SessionStarted:     {because: "a session is proven by its row, and ends by itself"},
	audit.SessionProven:      {because: "a session is proven by its row, and ends by itself"},
	audit.SessionEnded:       {because: "a session is proven by its row, and ends by itself"},
	audit.EventsRetried:      {because: "what others are told changes nothing here"},
	audit.SelfSignedIn:       {because: "a session is proven by its row, and ends by itself"},
	audit.SelfSignedOut:      {because: "a session is proven by its row, and ends by itself"},
	audit.LinkIssued:         {because: "a link is proven by its row, and ends by itself"},
	audit.PasswordShown:      {because: "an activation changes its token when it is confirmed"},
	audit.RefusalsSuppressed: {because: "it counts refusals that changed nothing"},
	audit.Verified:           {because: "it changes no row"},
	audit.Archived:           {because: "the state goes on from what was kept of the entries that were removed"},
	audit.TokensExported:     {because: "a token that leaves with a move has an entry of its own, token.state_changed"},
	audit.EnrolmentRenewed:   {because: "a link opens a token that is PENDING, once; the token is followed"},
	audit.EnrolmentShown:     {because: "a link opens a token that is PENDING, once; the token is followed"},
	audit.ActivationStarted:  {because: "an activation changes its token when it is confirmed"},
	audit.ActivationTaken:    {because: "an activation changes its token when it is confirmed"},
	audit.ActivationEnded:    {because: "an activation changes its token when it is confirmed"},
	audit.ImportRowsRemoved:  {because: "reports of imports are not followed"},
	audit.JobStarted:         {because: "each token that it changes has an entry of its own"},
	audit.JobEnded:           {because: "each token that it changed has an entry of its own"},
	audit.ActivationReset:    {because: "it only says from when on activations are counted"},
}

// Derived tells whether the state follows from an action's entries; if not, why says
// so. ok is false for an action that is not known.
func Derived(action audit.Action) (derived bool, why string, ok bool) {
	r, ok := rules[action]
	return r.fold != nil, r.because, ok
}
