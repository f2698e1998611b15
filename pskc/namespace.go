package pskc

import "slices"

// namespace is the part that a namespace URI plays in a PSKC file.
type namespace byte

const (
	nsNone    namespace = iota // no namespace
	nsPSKC                     // PSKC, of the version of the container
	nsDraft                    // PSKC of a draft before it
	nsDS                       // XML signatures
	nsXenc                     // XML encryption 1.0
	nsXenc11                   // XML encryption 1.1
	nsPKCS5                    // PBKDF2 parameters
	nsOwn                      // records, and the MAC over a file
	nsForeign                  // any other
)

// namespaces is the table of what is known. A URI is compared exactly.
var namespaces = map[string]namespace{
	"": nsNone,

	"urn:ietf:params:xml:ns:keyprov:pskc": nsPSKC,

	"urn:ietf:params:xml:ns:keyprov:pskc:1.0":              nsDraft,
	"urn:ietf:params:xml:ns:keyprov:pskc#":                 nsDraft,
	"urn:ietf:params:xml:ns:keyprov:container":             nsDraft,
	"urn:ietf:params:xml:ns:keyprov:container:1.0":         nsDraft,
	"http://www.openauthentication.org/OATH/2006/08/PSKC":  nsDraft,
	"http://www.openauthentication.org/OATH/2006/10/PSKC":  nsDraft,
	"http://www.openauthentication.org/OATH/2006/08/PSKC#": nsDraft,
	"http://www.openauthentication.org/OATH/2006/10/PSKC#": nsDraft,

	"http://www.w3.org/2000/09/xmldsig#":                          nsDS,
	"http://www.w3.org/2001/04/xmlenc#":                           nsXenc,
	"http://www.w3.org/2009/xmlenc11#":                            nsXenc11,
	"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#": nsPKCS5,
	"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5#":     nsPKCS5,
	"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0":  nsPKCS5,

	ownSpace: nsOwn,
}

// secretContainers are the namespaces in which the container is called
// SecretContainer and a key Secret.
var secretContainers = []string{
	"", "http://www.openauthentication.org/OATH/2006/08/PSKC", "http://www.openauthentication.org/OATH/2006/10/PSKC",
	"http://www.openauthentication.org/OATH/2006/08/PSKC#", "http://www.openauthentication.org/OATH/2006/10/PSKC#",
}

// isContainer tells whether an outermost element is a container of keys, and
// whether it is of a draft. No namespace at all is a draft as well.
func isContainer(n xname) (draft, ok bool) {
	draft = n.ns == nsDraft || n.ns == nsNone
	switch {
	case n.local == "SecretContainer":
		return draft, draft && slices.Contains(secretContainers, n.space)
	case n.local == "KeyContainer":
		return draft, draft || n.ns == nsPSKC
	}
	return draft, false
}

func namespaceOf(uri string) namespace {
	if ns, ok := namespaces[uri]; ok {
		return ns
	}
	return nsForeign
}
