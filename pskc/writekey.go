package pskc

import (
	"encoding/base64"
	"hash"
	"strconv"
	"time"
	"unicode/utf8"
)

// What a Writer makes of a key. The elements stand in the order of the schema
// of RFC 6030, and what the key does not have is left out, also where the schema
// demands it.

// addPackage adds the KeyPackage of one key.
func (w *Writer) addPackage(k *Key) error {
	w.add("<KeyPackage>\n")
	w.addGroup("DeviceInfo", func() {
		w.addElement("Manufacturer", k.Manufacturer)
		w.addElement("SerialNo", k.Serial)
		w.addElement("Model", k.Model)
		w.addElement("IssueNo", k.IssueNo)
		w.addElement("DeviceBinding", k.DeviceBinding)
		w.addElement("UserId", k.DeviceUserID)
	})
	w.addGroup("CryptoModuleInfo", func() { w.addElement("Id", k.ModuleID) })
	w.add("<Key")
	w.addAttribute("Id", k.ID, true)
	w.addAttribute("Algorithm", k.Algorithm, true)
	w.add(">\n")
	w.addElement("Issuer", k.Issuer)
	w.addGroup("AlgorithmParameters", func() { w.addParameters(k) })
	w.addElement("KeyProfileId", k.ProfileID)
	w.addElement("KeyReference", k.Reference)
	w.addElement("FriendlyName", k.FriendlyName)
	if err := w.addData(k); err != nil {
		return err
	}
	w.addElement("UserId", k.KeyUserID)
	w.addGroup("Policy", func() { w.addPolicy(k) })
	if len(k.Record) > 0 {
		w.add("<Extensions><os:Record>")
		w.text = appendRecord(w.text[:0], k)
		if err := w.addSealed(w.text, w.record); err != nil {
			return err
		}
		w.add("</os:Record></Extensions>\n")
	}
	w.add("</Key>\n</KeyPackage>\n")
	return nil
}

func (w *Writer) addParameters(k *Key) {
	w.addElement("Suite", k.Suite)
	if k.HasChallenge {
		w.add("<ChallengeFormat")
		w.addAttribute("Encoding", k.Challenge.Encoding, false)
		w.addNumber("Min", k.Challenge.Min)
		w.addNumber("Max", k.Challenge.Max)
		w.addCheckDigits(k.Challenge.CheckDigits)
	}
	if k.HasResponse {
		w.add("<ResponseFormat")
		w.addAttribute("Encoding", k.Response.Encoding, false)
		w.addNumber("Length", k.Response.Length)
		w.addCheckDigits(k.Response.CheckDigits)
	}
}

// addCheckDigits ends the tag of a format.
func (w *Writer) addCheckDigits(on bool) {
	if on {
		w.add(` CheckDigits="true"`)
	}
	w.add("/>\n")
}

// addData adds the secret and the numbers.
func (w *Writer) addData(k *Key) error {
	w.add("<Data>\n")
	if err := w.addSecret(k); err != nil {
		return err
	}
	number := func(has bool, name valueName, text string) {
		if has {
			w.add("<", valueNames[name], "><PlainValue>", text, "</PlainValue></", valueNames[name], ">\n")
		}
	}
	number(k.HasCounter, counterValue, strconv.FormatUint(k.Counter, 10))
	number(k.HasTime, timeValue, strconv.FormatInt(k.Time, 10))
	number(k.HasInterval, intervalValue, strconv.FormatUint(k.Interval, 10))
	number(k.HasDrift, driftValue, strconv.FormatInt(k.Drift, 10))
	w.add("</Data>\n")
	return nil
}

// addSecret adds the secret, if there is one.
func (w *Writer) addSecret(k *Key) error {
	if len(k.Secret) == 0 {
		return nil
	}
	w.add("<Secret>")
	if w.block == nil {
		w.add("<PlainValue>")
		w.addBase64(k.Secret)
		w.add("</PlainValue>")
	} else if err := w.addSealed(k.Secret, w.mac); err != nil {
		return err
	}
	w.add("</Secret>\n")
	return nil
}

// addSealed adds EncryptedValue and ValueMAC.
func (w *Writer) addSealed(plain []byte, mac hash.Hash) error {
	b, err := w.encrypt(plain)
	if err != nil {
		return err
	}
	w.add("<EncryptedValue>")
	w.addCipher(b)
	mac.Reset()
	mac.Write(b)
	w.add("</EncryptedValue><ValueMAC>")
	w.work = mac.Sum(b[:0])
	w.addBase64(w.work)
	w.add("</ValueMAC>")
	return nil
}

// addCipher adds what stands in an xenc:EncryptedDataType.
func (w *Writer) addCipher(b []byte) {
	w.add(`<xenc:EncryptionMethod Algorithm="`, aes256URI, `"/><xenc:CipherData><xenc:CipherValue>`)
	w.addBase64(b)
	w.add("</xenc:CipherValue></xenc:CipherData>")
}

func (w *Writer) addPolicy(k *Key) {
	w.addDate("StartDate", k.NotBefore)
	w.addDate("ExpiryDate", k.NotAfter)
	if pin := k.Policy.PIN; pin != nil {
		w.add("<PINPolicy")
		w.addAttribute("PINKeyId", pin.KeyID, false)
		w.addAttribute("PINUsageMode", pin.UsageMode, false)
		w.addNumber("MaxFailedAttempts", pin.MaxFailedAttempts)
		w.addNumber("MinLength", pin.MinLength)
		w.addNumber("MaxLength", pin.MaxLength)
		w.addAttribute("PINEncoding", pin.Encoding, false)
		w.add("/>\n")
	}
	for _, usage := range k.Policy.KeyUsage {
		w.addElement("KeyUsage", usage)
	}
	if k.Policy.HasTransactions {
		w.addElement("NumberOfTransactions", strconv.FormatUint(k.Policy.Transactions, 10))
	}
}

func (w *Writer) addDate(name string, t time.Time) {
	if !t.IsZero() {
		w.addElement(name, t.UTC().Format(time.RFC3339Nano))
	}
}

// add appends parts as they stand.
func (w *Writer) add(parts ...string) {
	for _, p := range parts {
		w.buf = append(w.buf, p...)
	}
}

func (w *Writer) addBase64(b []byte) { w.buf = base64.StdEncoding.AppendEncode(w.buf, b) }

// addGroup adds an element with what add puts into it, or nothing if that is
// nothing.
func (w *Writer) addGroup(name string, add func()) {
	start := len(w.buf)
	w.add("<", name, ">\n")
	inner := len(w.buf)
	if add(); len(w.buf) == inner {
		w.buf = w.buf[:start]
		return
	}
	w.add("</", name, ">\n")
}

// addElement adds an element of text, if there is any.
func (w *Writer) addElement(name, text string) {
	if text == "" {
		return
	}
	w.add("<", name, ">")
	w.addText(text)
	w.add("</", name, ">\n")
}

func (w *Writer) addAttribute(name, text string, always bool) {
	if text == "" && !always {
		return
	}
	w.add(" ", name, `="`)
	w.addText(text)
	w.add(`"`)
}

// addNumber adds an attribute that means nothing if it is 0.
func (w *Writer) addNumber(name string, n int) {
	if n != 0 {
		w.addAttribute(name, strconv.Itoa(n), false)
	}
}

// addText adds a text that was found writable.
func (w *Writer) addText(text string) {
	for i := range len(text) {
		switch c := text[i]; c {
		case '&':
			w.add("&amp;")
		case '<':
			w.add("&lt;")
		case '>':
			w.add("&gt;")
		case '"':
			w.add("&quot;")
		default:
			w.buf = append(w.buf, c)
		}
	}
}

// isXMLText tells whether a text holds only what XML may.
func isXMLText(s string) bool {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n <= 1 {
				return false
			}
		}
		if !isXMLChar(r) {
			return false
		}
	}
	return true
}
