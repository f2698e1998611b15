#!/usr/bin/python3
"""Writes the signed files in good/ and refused/, and the certificates.

They are signed by xmlsec1 and pskctool (Debian packages of these names). The
keys are thrown away, so a second run writes other bytes. The certificates of
the signers were valid in 2008 and 2009 only. Run it in this directory.
"""

import datetime
import os
import re
import subprocess
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

DS = 'http://www.w3.org/2000/09/xmldsig#'
MORE = 'http://www.w3.org/2001/04/xmldsig-more#'
XENC = 'http://www.w3.org/2001/04/xmlenc#'
EXC = 'http://www.w3.org/2001/10/xml-exc-c14n#'
INC = 'http://www.w3.org/TR/2001/REC-xml-c14n-20010315'
INC11 = 'http://www.w3.org/2006/12/xml-c14n11'
ENVELOPED = DS + 'enveloped-signature'

TMP = tempfile.mkdtemp()


def certificate(name, key):
    """Writes NAME.pem here, and the key to the temporary directory."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    cert = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(datetime.datetime(2008, 1, 1))
            .not_valid_after(datetime.datetime(2010, 1, 1))
            .sign(key, hashes.SHA256()))
    with open(name + '.pem', 'wb') as f:
        f.write(cert.public_bytes(serialization.Encoding.PEM))
    with open(os.path.join(TMP, name), 'wb') as f:
        f.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                  serialization.NoEncryption()))


certificate('rsa', rsa.generate_private_key(65537, 2048))
certificate('ecdsa', ec.generate_private_key(ec.SECP256R1()))
certificate('p521', ec.generate_private_key(ec.SECP521R1()))
certificate('stranger', rsa.generate_private_key(65537, 2048))


def container(inside, attrs=''):
    return ('<?xml version="1.0" encoding="UTF-8"?>\n'
            '<KeyContainer Version="1.0" Id="box"%s\n'
            '  xmlns="urn:ietf:params:xml:ns:keyprov:pskc">\n%s\n</KeyContainer>\n' % (attrs, inside))


def package(serial, key_id='k'):
    return '''  <KeyPackage>
    <DeviceInfo>
      <Manufacturer>Acme</Manufacturer>
      <SerialNo>%s</SerialNo>
    </DeviceInfo>
    <Key Id="%s" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp">
      <Issuer>Zürich &amp; Co</Issuer>
      <Data>
        <Secret>
          <PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue>
        </Secret>
        <Counter><PlainValue>0</PlainValue></Counter>
      </Data>
    </Key>
  </KeyPackage>''' % (serial, key_id)


PLAIN = container(package('987654321', 'k1') + '\n' + package('987654322', 'k2'))

# All that a canonical form has to bring in order.
CURIOUS = '''\ufeff<?xml version="1.0"?>
<!-- before -->
<p:KeyContainer xml:lang="de" Version='1.0'   Id="box" xmlns:unused="urn:unused"
  xmlns:p="urn:ietf:params:xml:ns:keyprov:pskc"
\txmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <!-- inside -->
  <p:KeyPackage xsi:schemaLocation="urn:ietf:params:xml:ns:keyprov:pskc
\tpskc.xsd">
    <p:DeviceInfo><p:Manufacturer>A<![CDATA[<c>]]>&#109;e &quot;&gt;</p:Manufacturer><p:SerialNo >987654321</p:SerialNo ></p:DeviceInfo>
    <KeyPart xmlns="urn:else" xmlns:p="urn:shadow" p:b='&#10;&quot;&lt;' a="&#9;'>"><?note  to self?><p:x xmlns=""/><y xmlns=""><z xmlns="urn:else"/></y></KeyPart>
    <p:Key Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp" Id="k1"><p:Issuer>漢😀&#xD;</p:Issuer>
      <p:FriendlyName xml:lang="en">f</p:FriendlyName>
      <p:Data><p:Secret><p:PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</p:PlainValue></p:Secret></p:Data>
    </p:Key>
  </p:KeyPackage>
</p:KeyContainer>
<!-- after -->
'''.replace('\n', '\r\n')


def reference(uri='', transforms=(ENVELOPED, EXC), digest=XENC + 'sha256'):
    """A Reference; a transform may be a URI, or a URI and what is inside."""
    body = ''
    for t in transforms:
        t, inside = (t, '') if isinstance(t, str) else t
        body += '<ds:Transform Algorithm="%s">%s</ds:Transform>' % (t, inside)
    if body:
        body = '<ds:Transforms>%s</ds:Transforms>' % body
    uri = '' if uri is None else ' URI="%s"' % uri
    return ('<ds:Reference%s>%s<ds:DigestMethod Algorithm="%s"/><ds:DigestValue/></ds:Reference>'
            % (uri, body, digest))


X509 = '<ds:KeyInfo><ds:X509Data/></ds:KeyInfo>'
NAME = '<ds:KeyInfo><ds:KeyName>acme</ds:KeyName></ds:KeyInfo>'
VALUE = '<ds:KeyInfo><ds:KeyValue/></ds:KeyInfo>'


def prefixes(uri, names):
    return (uri, '<ec:InclusiveNamespaces xmlns:ec="%s" PrefixList="%s"/>' % (EXC, names))


def signature(alg=MORE + 'rsa-sha256', refs=None, form=EXC, info=X509, rest=''):
    form, inside = (form, '') if isinstance(form, str) else form
    return ('  <ds:Signature xmlns:ds="%s">\n'
            '    <ds:SignedInfo>\n      <ds:CanonicalizationMethod Algorithm="%s">%s</ds:CanonicalizationMethod>\n'
            '      <ds:SignatureMethod Algorithm="%s"/>\n      %s\n    </ds:SignedInfo>\n'
            '    <ds:SignatureValue/>\n%s%s</ds:Signature>\n'
            % (DS, form, inside, alg, refs or reference(), info, rest))


def run(*args):
    p = subprocess.run(args, capture_output=True)
    assert p.returncode == 0, (args, p.stdout, p.stderr)
    return p.stdout.decode()


def xmlsec(doc, sig, key='rsa'):
    """The document, to the byte, with the signature in it, filled in."""
    end = doc.rindex('</')
    path = os.path.join(TMP, 'doc')
    with open(path, 'w', newline='') as f:
        f.write(doc[:end] + sig + doc[end:])
    out = os.path.join(TMP, 'out')
    how = ['--privkey-pem:acme', '%s,%s.pem' % (os.path.join(TMP, key), key)]
    if 'hmac' in sig:
        how = ['--hmackey', key + '.pem']
    run('xmlsec1', '--sign', *how, '--id-attr:Id', 'urn:ietf:params:xml:ns:keyprov:pskc:KeyContainer',
        '--id-attr:Id', 'urn:ietf:params:xml:ns:keyprov:pskc:Key', '--output', out, path)
    with open(out, newline='') as f:
        out = f.read()
    filled = out[out.rindex('<ds:Signature '):out.rindex('</ds:Signature>')]
    return doc[:end] + '  ' + filled + '</ds:Signature>\n' + doc[end:]


def pskctool(doc, key='rsa'):
    path = os.path.join(TMP, 'doc')
    with open(path, 'w', newline='') as f:
        f.write(doc)
    return run('pskctool', '--sign', '--sign-key', os.path.join(TMP, key), '--sign-crt', key + '.pem', path)


def write(name, doc):
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name + '.pskc', 'w', newline='') as f:
        f.write(doc)


def good(name, doc):
    write('good/' + name, doc)


def refused(name, doc):
    write('refused/' + name, doc)


good('pskctool', pskctool(PLAIN))
good('rsa-sha1', xmlsec(PLAIN, signature(DS + 'rsa-sha1', reference(digest=DS + 'sha1'))))
good('rsa-sha256', xmlsec(PLAIN, signature()))
good('rsa-sha384-name', xmlsec(PLAIN, signature(MORE + 'rsa-sha384', reference(digest=MORE + 'sha384'), info=NAME)))
good('rsa-sha512-bare', xmlsec(PLAIN, signature(MORE + 'rsa-sha512', reference(digest=XENC + 'sha512'), info='')))
good('rsa-value', xmlsec(PLAIN, signature(info=VALUE)))
good('ecdsa-sha256', xmlsec(PLAIN, signature(MORE + 'ecdsa-sha256'), 'ecdsa'))
good('ecdsa-sha256-bare', xmlsec(PLAIN, signature(MORE + 'ecdsa-sha256', info=''), 'ecdsa'))
good('ecdsa-sha512-p521', xmlsec(PLAIN, signature(MORE + 'ecdsa-sha512'), 'p521'))
good('id', xmlsec(PLAIN, signature(refs=reference('#box'))))
good('no-uri', xmlsec(PLAIN, signature(refs=reference(None))))
good('default-form', xmlsec(PLAIN, signature(refs=reference('', [ENVELOPED]))))
for name, form in {'inclusive': INC, 'inclusive11': INC11, 'exclusive': EXC}.items():
    for comments in ['', 'comments']:
        f = form + ('WithComments' if form == EXC else '#WithComments') if comments else form
        good('curious-%s%s' % (name, comments and '-' + comments),
             xmlsec(CURIOUS, signature(refs=reference('', [ENVELOPED, f]), form=f)))
good('curious-prefixes', xmlsec(CURIOUS, signature(
    refs=reference('', [ENVELOPED, prefixes(EXC, 'unused xsi p')]), form=prefixes(EXC, 'unused p'))))

# Two attributes of foreign namespaces in one tag: sound, but the library sorts
# them in its own way.
refused('attribute-order', xmlsec(PLAIN.replace('Id="box"', 'Id="box" xmlns:a="urn:z" xmlns:b="urn:y" a:c="1" b:d="2"'), signature()))

# Sound signatures of the right key that are not about the whole file, or say so
# in a way that is not read.
refused('fragment', xmlsec(PLAIN, signature(refs=reference('#k1', [EXC]))))
refused('not-enveloped', xmlsec(container('<Extensions>' + package('1') + '</Extensions>'),
                                signature(refs=reference('#k', [ENVELOPED, EXC]))))
refused('two-references', xmlsec(PLAIN, signature(refs=reference() + reference('#k1', [EXC]))))
refused('two-signatures', xmlsec(xmlsec(PLAIN, signature()), signature()))
refused('xpointer', xmlsec(PLAIN, signature(refs=reference("#xpointer(id('box'))"))))
refused('xpath', xmlsec(PLAIN, signature(refs=reference('', [
    ('http://www.w3.org/TR/1999/REC-xpath-19991116',
     '<ds:XPath>not(ancestor-or-self::ds:Signature)</ds:XPath>'), EXC]))))
refused('three-transforms', xmlsec(PLAIN, signature(refs=reference('', [ENVELOPED, ENVELOPED, EXC]))))
refused('object', xmlsec(PLAIN, signature(rest='<ds:Object>x</ds:Object>')))
refused('default-prefix', xmlsec(PLAIN, signature(refs=reference('', [ENVELOPED, prefixes(EXC, '#default')]))))
refused('instruction', xmlsec(PLAIN.replace('\n', '\n<?note x?>\n', 1), signature()))
refused('stranger', xmlsec(PLAIN, signature(), 'stranger'))
refused('stranger-name', xmlsec(PLAIN, signature(info=NAME), 'stranger'))
refused('stranger-bare', xmlsec(PLAIN, signature(info=''), 'stranger'))
refused('stranger-value', xmlsec(PLAIN, signature(info=VALUE), 'stranger'))
refused('stranger-pskctool', pskctool(PLAIN, 'stranger'))
# The signature of an inner container, and around it another.
inner = xmlsec(PLAIN, signature(refs=reference('#box')))
inner = inner[inner.index('<KeyContainer'):]
sig = re.search('(?s)<ds:Signature .*</ds:Signature>', inner).group()
refused('wrapped', container('<Extensions>' + inner + '</Extensions>' + package('666')).replace('Id="box"', 'Id="evil"', 1))
refused('wrapped-moved', container('<Extensions>' + inner.replace(sig, '') + '</Extensions>' + package('666') + sig)
        .replace('Id="box"', 'Id="evil"', 1))
refused('wrapped-same-id', container('<Extensions>' + inner.replace(sig, '') + '</Extensions>' + package('666') + sig))
refused('template', PLAIN.replace('</KeyContainer>', signature() + '</KeyContainer>'))
# The certificate as the key of a MAC: whoever verifies has it, and whoever forges.
refused('hmac', xmlsec(PLAIN, signature(DS + 'hmac-sha1', info='')))
