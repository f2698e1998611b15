package words

// selfErrors are what the services refuse, by the code of their fault.
var selfErrors = map[string]texts{
	"fault.other": {
		"That was not done. Ask the help desk if it goes on.",
		"Das wurde nicht getan. Fragen Sie den Helpdesk, wenn es so bleibt.",
		"Det gjordes inte. Fråga kundtjänst om det fortsätter.",
	},
	"fault.server": {
		"The server cannot do this at the moment. Try again soon.",
		"Der Server kann das im Moment nicht. Versuchen Sie es bald wieder.",
		"Servern kan inte göra detta just nu. Försök snart igen.",
	},
	"fault.uncertain": {
		"It is not known whether this was done. Use the next code.",
		"Es ist nicht bekannt, ob das getan wurde. Nehmen Sie den nächsten Code.",
		"Det är okänt om detta gjordes. Använd nästa kod.",
	},
	"fault.self_sign_in": {
		"That did not work. Check the name and the code, or ask the help desk.",
		"Das hat nicht geklappt. Prüfen Sie Name und Code, oder fragen Sie den Helpdesk.",
		"Det fungerade inte. Kontrollera namn och kod, eller fråga kundtjänst.",
	},
	"fault.self_link": {
		"This link is unknown, used, or no longer valid. Ask the help desk for another one.",
		"Dieser Link ist unbekannt, benutzt oder nicht mehr gültig. Bitten Sie den Helpdesk um einen anderen.",
		"Länken är okänd, använd eller inte längre giltig. Be kundtjänst om en ny.",
	},
	"fault.self_forbidden": {
		"This sign-in does not allow that. Sign in with a code of a token that works, or ask the help desk.",
		"Diese Anmeldung erlaubt das nicht. Melden Sie sich mit einem Code eines funktionierenden Tokens an, oder fragen Sie den Helpdesk.",
		"Inloggningen tillåter inte detta. Logga in med en kod från en dosa som fungerar, eller fråga kundtjänst.",
	},
	"fault.self_same_token": {
		"A code of this token opened the sign-in: it works.",
		"Ein Code dieses Tokens hat die Anmeldung geöffnet: es funktioniert.",
		"En kod från den här dosan öppnade inloggningen: den fungerar.",
	},
	"fault.too_many_tries": {
		"Too many tries came from your address. Wait a minute and try again.",
		"Von Ihrer Adresse kamen zu viele Versuche. Warten Sie eine Minute und versuchen Sie es wieder.",
		"För många försök kom från din adress. Vänta en minut och försök igen.",
	},
	"fault.otp_format": {
		"A code has 6 to 10 digits. Nothing was checked.",
		"Ein Code hat 6 bis 10 Ziffern. Es wurde nichts geprüft.",
		"En kod har 6 till 10 siffror. Inget har kontrollerats.",
	},
	"fault.otp_length": {
		"The token shows codes with another number of digits.",
		"Das Token zeigt Codes mit einer anderen Zahl von Ziffern.",
		"Dosan visar koder med ett annat antal siffror.",
	},
	"fault.token_refuses": {
		"The token takes no codes now: it is locked, or out of use. Wait, or ask the help desk.",
		"Das Token nimmt jetzt keine Codes an: es ist gesperrt oder außer Gebrauch. Warten Sie, oder fragen Sie den Helpdesk.",
		"Dosan tar inte emot koder nu: den är spärrad eller ur bruk. Vänta, eller fråga kundtjänst.",
	},
	"fault.two_codes": {
		"The server needs two codes of this token in a row: fix it.",
		"Der Server braucht zwei Codes dieses Tokens nacheinander: bringen Sie es in Ordnung.",
		"Servern behöver två koder i rad från dosan: rätta den.",
	},
	"fault.needs_challenge": {
		"This token shows no codes of that kind.",
		"Dieses Token zeigt keine solchen Codes.",
		"Den här dosan visar inga sådana koder.",
	},
	"fault.token_not_found": {
		"There is no such token of yours.",
		"Ein solches Token haben Sie nicht.",
		"Du har ingen sådan dosa.",
	},
	"fault.state_unchanged": {"That is so already.", "Das ist schon so.", "Det är redan så."},
	"fault.code_refused": {
		"The code was not accepted. Use a code of another of your tokens; if you have none, ask the help desk.",
		"Der Code wurde nicht angenommen. Nehmen Sie einen Code eines anderen Ihrer Token; wenn Sie keines haben, fragen Sie den Helpdesk.",
		"Koden godtogs inte. Använd en kod från en annan av dina dosor; om du inte har någon, fråga kundtjänst.",
	},
	"fault.activation_limit": {
		"There were too many activations lately. Wait, or ask the help desk.",
		"Es gab zuletzt zu viele Aktivierungen. Warten Sie, oder fragen Sie den Helpdesk.",
		"Det har varit för många aktiveringar. Vänta, eller fråga kundtjänst.",
	},
	"fault.no_activation": {
		"This token is not activated on a phone.",
		"Dieses Token wird nicht auf einem Handy aktiviert.",
		"Den här dosan aktiveras inte i en mobil.",
	},
	"fault.no_reactivation": {
		"This token cannot be activated again. Ask the help desk for another one.",
		"Dieses Token lässt sich nicht noch einmal aktivieren. Bitten Sie den Helpdesk um ein anderes.",
		"Den kan inte aktiveras igen. Be kundtjänst om en ny.",
	},
	"fault.token_ended": {
		"The validity of this token has ended. Ask the help desk.",
		"Die Gültigkeit dieses Tokens ist abgelaufen. Fragen Sie den Helpdesk.",
		"Dosans giltighet har gått ut. Fråga kundtjänst.",
	},
	"fault.offer_ended": {
		"The password can no longer be shown. Begin anew.",
		"Das Passwort lässt sich nicht mehr zeigen. Beginnen Sie neu.",
		"Lösenordet kan inte längre visas. Börja om.",
	},
	"fault.no_app_tokens": {
		"You cannot create tokens here. Ask the help desk.",
		"Sie können hier keine Token erstellen. Fragen Sie den Helpdesk.",
		"Du kan inte skapa dosor här. Fråga kundtjänst.",
	},
	"fault.too_many_tokens": {
		"You have as many tokens as you may have. Ask the help desk.",
		"Sie haben so viele Token, wie Sie haben dürfen. Fragen Sie den Helpdesk.",
		"Du har så många dosor som du får ha. Fråga kundtjänst.",
	},
	"fault.too_many_of_type": {
		"You have as many of these as you may have. Ask the help desk.",
		"Sie haben so viele davon, wie Sie haben dürfen. Fragen Sie den Helpdesk.",
		"Du har så många av dem som du får ha. Fråga kundtjänst.",
	},
	"fault.administrators_token": {
		"You are an administrator: a SUPER_ADMIN gives you tokens.",
		"Sie sind Administrator: ein SUPER_ADMIN gibt Ihnen Token.",
		"Du är administratör: en SUPER_ADMIN ger dig säkerhetsdosor.",
	},
	"fault.other_site": {
		"The form was not sent by a page of this server.",
		"Das Formular kam nicht von einer Seite dieses Servers.",
		"Formuläret kom inte från en sida på den här servern.",
	},
	"fault.form": {
		"The form is too long, or did not arrive whole. Send it again.",
		"Das Formular ist zu lang oder kam nicht ganz an. Senden Sie es noch einmal.",
		"Formuläret är för långt eller kom inte fram helt. Skicka det igen.",
	},
}
