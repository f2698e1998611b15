package words

// selfEvents tell what happened, by the action of the log and its outcome.
var selfEvents = map[string]texts{
	"event.code.verified.accepted": {"A code was accepted", "Ein Code wurde angenommen", "En kod godtogs"},
	"event.code.verified.refused":  {"A code was refused", "Ein Code wurde abgelehnt", "En kod nekades"},
	"event.token.resynchronised.accepted": {
		"A token was fixed by two codes",
		"Ein Token wurde mit zwei Codes in Ordnung gebracht",
		"En dosa rättades med två koder",
	},
	"event.token.resynchronised.refused": {
		"Two codes to fix a token were refused",
		"Zwei Codes zum Richten eines Tokens wurden abgelehnt",
		"Två koder för att rätta en dosa nekades",
	},
	"event.token.confirmed.accepted": {
		"A new token was proven by its first code",
		"Ein neues Token wurde mit dem ersten Code bestätigt",
		"En ny dosa bekräftades med sin första kod",
	},
	"event.token.confirmed.refused": {
		"The first code of a new token was refused",
		"Der erste Code eines neuen Tokens wurde abgelehnt",
		"Den första koden från en ny dosa nekades",
	},
	"event.token.created.done": {
		"A new token was created for you",
		"Ein neues Token wurde für Sie erstellt",
		"En ny dosa skapades för dig",
	},
	"event.token.assigned.done": {
		"You were given a token",
		"Sie haben ein Token bekommen",
		"Du fick en säkerhetsdosa",
	},
	"event.token.unassigned.done": {
		"A token was taken back",
		"Ein Token wurde zurückgenommen",
		"En säkerhetsdosa togs tillbaka",
	},
	"event.token.state_changed.done": {
		"The state of a token was changed",
		"Der Zustand eines Tokens wurde geändert",
		"En dosas tillstånd ändrades",
	},
	"event.token.lost": {
		"A token was reported as lost",
		"Ein Token wurde als verloren gemeldet",
		"En dosa förlustanmäldes",
	},
	"event.token.works": {
		"A token was put back into use",
		"Ein Token wurde wieder freigegeben",
		"En dosa togs i bruk igen",
	},
	"event.token.replaced.done": {
		"A token was replaced by another",
		"Ein Token wurde durch ein anderes ersetzt",
		"En dosa ersattes av en annan",
	},
	"event.token.unlocked.done": {"A token was unlocked", "Ein Token wurde entsperrt", "En dosa låstes upp"},
	"event.token.deleted.done":  {"A token was deleted", "Ein Token wurde gelöscht", "En dosa togs bort"},
	"event.token.unbound.done": {
		"A phone was ended for good",
		"Ein Handy wurde endgültig beendet",
		"En mobil avslutades för gott",
	},
	"event.enrolment.shown.done": {
		"The key of a new token was shown",
		"Der Schlüssel eines neuen Tokens wurde gezeigt",
		"Nyckeln till en ny dosa visades",
	},
	"event.activation.started.done": {
		"An activation was begun",
		"Eine Aktivierung wurde begonnen",
		"En aktivering påbörjades",
	},
	"event.activation.taken.done": {
		"A phone fetched an activation",
		"Ein Handy hat eine Aktivierung geholt",
		"En mobil hämtade en aktivering",
	},
	"event.activation.confirmed.accepted": {
		"A phone was activated",
		"Ein Handy wurde aktiviert",
		"En mobil aktiverades",
	},
	"event.activation.confirmed.refused": {
		"The first code of a phone was refused",
		"Der erste Code eines Handys wurde abgelehnt",
		"Den första koden från en mobil nekades",
	},
	"event.activation.ended.done": {
		"An activation ended without a phone",
		"Eine Aktivierung endete ohne Handy",
		"En aktivering avslutades utan mobil",
	},
	"event.activation.password_shown.done": {
		"An activation password was shown here",
		"Ein Aktivierungspasswort wurde hier gezeigt",
		"Ett aktiveringslösenord visades här",
	},
	"event.user.added.done": {"Your user was added", "Ihr Benutzer wurde angelegt", "Din användare lades till"},
	"event.user.renamed.done": {
		"Your user was renamed",
		"Ihr Benutzer wurde umbenannt",
		"Din användare bytte namn",
	},
	"event.user.unlocked.done": {"You were unlocked", "Sie wurden entsperrt", "Du låstes upp"},
	"event.codes.issued.done": {
		"The help desk issued temporary codes",
		"Der Helpdesk hat Ersatzcodes ausgegeben",
		"Kundtjänst gav ut tillfälliga koder",
	},
	"event.codes.revoked.done": {
		"Temporary codes were revoked",
		"Ersatzcodes wurden widerrufen",
		"Tillfälliga koder återkallades",
	},
	"event.link.issued.done": {
		"The help desk made a link to this service",
		"Der Helpdesk hat einen Link hierher ausgegeben",
		"Kundtjänst gjorde en länk hit",
	},
	"event.self.signed_in.done": {
		"Somebody signed in here as you",
		"Jemand hat sich hier als Sie angemeldet",
		"Någon loggade in här som du",
	},
	"event.self.signed_out.done": {
		"A sign-in here ended",
		"Eine Anmeldung hier endete",
		"En inloggning här avslutades",
	},
}
