package pskc

// encryptionMethod reads EncryptionMethod of a value: the cipher, and the
// parameters of RSA-OAEP. The key size says nothing that the name of the
// cipher does not.
func (p *parser) encryptionMethod(v *value) error {
	v.cipherURI = p.algorithm()
	return p.children("EncryptionMethod", false, func(n xname) (bool, error) {
		switch {
		case n.is(nsXenc, "KeySize"):
			return true, p.skip()
		case n.is(nsXenc, "OAEPparams"):
			return true, p.base64(&v.rsa.label, n.local)
		case n.is(nsDS, "DigestMethod"):
			v.rsa.digest = p.algorithm()
			return true, p.skip()
		case n.is(nsXenc11, "MGF"):
			v.rsa.mgf = p.algorithm()
			return true, p.skip()
		case isParams(n) && n.local == "PBES2-params":
			return true,
				p.children(n.local, false, func(n xname) (bool, error) { return p.encryptionScheme(n, &v.cipherURI) })
		}
		return p.encryptionScheme(n, &v.cipherURI)
	})
}

// algorithm gives the Algorithm attribute of the current element. Drafts also
// write it in lower case.
func (p *parser) algorithm() string {
	for _, a := range p.s.attrs {
		if a.name.ns == nsNone && (a.name.local == "Algorithm" || a.name.local == "algorithm") {
			return p.s.intern(a.value)
		}
	}
	return ""
}

// encryptionScheme reads EncryptionScheme: the cipher that is meant where
// PBES2, or a derivation, stands in its place.
func (p *parser) encryptionScheme(n xname, uri *string) (bool, error) {
	if !isParams(n) || n.local != "EncryptionScheme" {
		return false, nil
	}
	if *uri == "" || wordOf(*uri) == "pbes2" {
		*uri = p.algorithm()
	}
	return true, p.skip()
}
