package words

// enrolPage is the page behind an enrolment link, and what its script says.
var enrolPage = map[string]texts{
	"enrol.title": {
		"Set up your authenticator app",
		"Ihre Authenticator-App einrichten",
		"Konfigurera din autentiseringsapp",
	},
	"enrol.scripts": {
		"This page needs JavaScript.",
		"Diese Seite braucht JavaScript.",
		"Den här sidan kräver JavaScript.",
	},
	"enrol.scripts-next": {
		"Allow it for this page, and open the link again.",
		"Erlauben Sie es für diese Seite, und öffnen Sie den Link noch einmal.",
		"Tillåt det för den här sidan och öppna länken igen.",
	},
	"enrol.ready": {
		"Have the phone with your authenticator app at hand.",
		"Halten Sie das Handy mit Ihrer Authenticator-App bereit.",
		"Ha mobilen med din autentiseringsapp till hands.",
	},
	"enrol.once": {
		"The QR code is shown once. When you have asked for it, finish here.",
		"Der QR-Code wird einmal gezeigt. Wenn Sie ihn angefordert haben, schließen Sie hier ab.",
		"QR-koden visas en gång. När du har begärt den, slutför här.",
	},
	"enrol.no-camera": {"Without a camera", "Ohne Kamera", "Utan kamera"},
	"enrol.key":       {"Give the app this key:", "Geben Sie der App diesen Schlüssel:", "Ge appen den här nyckeln:"},
	"enrol.uri":       {"Or all of it as text:", "Oder alles als Text:", "Eller allt som text:"},
	"enrol.alt":       {"QR code with the key", "QR-Code mit dem Schlüssel", "QR-kod med nyckeln"},
	"enrol.code":      {"Code for", "Code für", "Kod för"},
	"enrol.done":      {"Done", "Fertig", "Klart"},
	"enrol.token":     {"Token", "Token", "Säkerhetsdosa"},
	"enrol.yours": {
		"is yours to use. You can close this page.",
		"können Sie jetzt benutzen. Sie können diese Seite schließen.",
		"är din att använda. Du kan stänga sidan.",
	},

	"enrol.incomplete": {
		"This address is incomplete.",
		"Diese Adresse ist unvollständig.",
		"Adressen är ofullständig.",
	},
	"enrol.incomplete-next": {
		"Open the whole link that you were given.",
		"Öffnen Sie den ganzen Link, den Sie bekommen haben.",
		"Öppna hela länken som du har fått.",
	},
	"enrol.wrong": {"That is not the right code.", "Das ist nicht der richtige Code.", "Det är inte rätt kod."},
	"enrol.wrong-next": {
		"Wait for the next one and try again.",
		"Warten Sie auf den nächsten und versuchen Sie es noch einmal.",
		"Vänta på nästa och försök igen.",
	},
	"enrol.silent":      {"The server did not answer.", "Der Server hat nicht geantwortet.", "Servern svarade inte."},
	"enrol.silent-next": {"Try again.", "Versuchen Sie es noch einmal.", "Försök igen."},
	"enrol.digits": {
		"A code is made of digits only.",
		"Ein Code besteht nur aus Ziffern.",
		"En kod består bara av siffror.",
	},
}
