#!/usr/bin/python3
"""Writes the files in rsa/: keys and secrets encrypted for rsa/cert.pem, and
vectors/figure8-own.pskc: figure 8 of RFC 6030 for that certificate.

The keys and values are encrypted by xmlsec1 (Debian: xmlsec1); only what its
version 1.2 does not know, the xmlenc11#rsa-oaep of XML encryption 1.1, by
python3-cryptography. MAC and MAC key are added here. Encryption is random, so
a second run writes other bytes. The secret is always that of RFC 6030, ASCII
12345678901234567890. Run it in this directory.

rsa/key.pem and rsa/key-pkcs1.pem are one private key in two forms. It protects
nothing.
"""

import base64
import hmac
import os
import re
import subprocess
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, padding as block_padding
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

SECRET = b'12345678901234567890'
XENC = 'http://www.w3.org/2001/04/xmlenc#'
XENC11 = 'http://www.w3.org/2009/xmlenc11#'
DS = 'http://www.w3.org/2000/09/xmldsig#'
NS = 'xmlns:xenc="%s" xmlns:ds="%s" xmlns:xenc11="%s"' % (XENC, DS, XENC11)
PRIVATE = load_pem_private_key(open('rsa/key.pem', 'rb').read(), None)
CERT = x509.load_pem_x509_certificate(open('rsa/cert.pem', 'rb').read())
CERT_TEXT = re.sub(r'-----.*-----|\s', '', open('rsa/cert.pem').read())


def b64(b):
    return base64.b64encode(b).decode()


def method(uri, inner=''):
    return '<xenc:EncryptionMethod Algorithm="%s">%s</xenc:EncryptionMethod>' % (uri, inner)


def cipher_data(b=b''):
    return '<xenc:CipherData><xenc:CipherValue>%s</xenc:CipherValue></xenc:CipherData>' % b64(b)


def xmlsec(plain, data_method, *args, key_method=''):
    """Encrypt with xmlsec1 and give the values: of the data, or key and data."""
    info = ''
    if key_method:
        info = '<ds:KeyInfo><xenc:EncryptedKey>%s%s</xenc:EncryptedKey></ds:KeyInfo>' % (key_method, cipher_data())
    with tempfile.TemporaryDirectory() as tmp:
        with open(os.path.join(tmp, 'template'), 'w') as f:
            f.write('<xenc:EncryptedData %s>%s%s%s</xenc:EncryptedData>' % (NS, data_method, info, cipher_data()))
        with open(os.path.join(tmp, 'plain'), 'wb') as f:
            f.write(plain)
        subprocess.run(
            ['xmlsec1', 'encrypt', '--pubkey-cert-pem', 'rsa/cert.pem', *args, '--binary-data',
             os.path.join(tmp, 'plain'), '--output', os.path.join(tmp, 'out'), os.path.join(tmp, 'template')], check=True)
        out = open(os.path.join(tmp, 'out')).read()
    return [base64.b64decode(v) for v in re.findall('<xenc:CipherValue>([^<]*)<', out)]


def aes_cbc(key, plain):
    iv = os.urandom(16)
    pad = block_padding.PKCS7(128).padder()
    enc = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return iv + enc.update(pad.update(plain) + pad.finalize()) + enc.finalize()


def write(name, key_info, mac_key, values):
    """Write a file; each value is the XML of its cipher and its bytes."""
    out = ['<?xml version="1.0" encoding="UTF-8"?>',
           '<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc" %s>' % NS,
           '<EncryptionKey>%s</EncryptionKey>' % key_info]
    if mac_key:
        key, xml = mac_key
        out.append('<MACMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#hmac-sha256">%s</MACMethod>' % xml)
    for i, (value_method, value) in enumerate(values):
        mac = ''
        if mac_key:
            mac = '<ValueMAC>%s</ValueMAC>' % b64(hmac.digest(key, value, 'sha256'))
        out.append(
            '<KeyPackage><DeviceInfo><SerialNo>%d</SerialNo></DeviceInfo>\n'
            '<Key Id="%d" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp"><Data><Secret><EncryptedValue>\n%s%s\n'
            '</EncryptedValue>%s</Secret></Data></Key></KeyPackage>' % (i, i, value_method, cipher_data(value), mac))
    with open('rsa/%s.pskc' % name, 'w') as f:
        f.write('\n'.join(out + ['</KeyContainer>', '']))


def figure8(value):
    """Figure 8, which is for a certificate whose key was not published."""
    text = open('vectors/figure8.pskc').read()
    for element, content in (('ds:X509Certificate', CERT_TEXT), ('xenc:CipherValue', b64(value))):
        text = re.sub('(<%s>)[^<]*' % element, lambda m: m.group(1) + content, text)
    text = re.sub(r'(encrypted with RSA for) a certificate whose private key\s*was not published', r'\1 our own certificate', text)
    with open('vectors/figure8-own.pskc', 'w') as f:
        f.write(text)


X509 = '<ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data>' % CERT_TEXT


def hybrid(name, key_method, unwrap, bits, key_cipher=None):
    """A content key for the certificate, in EncryptedKey; MAC key under it."""
    aes = method(XENC + 'aes%d-cbc' % bits)
    if key_cipher is None:
        wrapped, value = xmlsec(SECRET, aes, '--session-key', 'aes-%d' % bits, key_method=key_method)
        key = unwrap(wrapped)
    else:
        key = os.urandom(bits // 8)
        wrapped, value = key_cipher(key), aes_cbc(key, SECRET)
    mac_key = os.urandom(32)
    info = '<xenc:EncryptedKey>%s<ds:KeyInfo>%s</ds:KeyInfo>%s</xenc:EncryptedKey>' % (key_method, X509, cipher_data(wrapped))
    mac_xml = '<MACKey>%s%s</MACKey>' % (aes, cipher_data(aes_cbc(key, mac_key)))
    write(name, info, (mac_key, mac_xml), [(aes, value), (aes, aes_cbc(key, SECRET))])
    # The same without a MACKey: the content key then makes the MAC.
    write(name + '-nomackey', info, (key, ''), [(aes, value)])


def oaep(mgf, digest):
    return padding.OAEP(padding.MGF1(mgf()), digest(), None)


V15 = method(XENC + 'rsa-1_5')
OAEP1 = method(XENC + 'rsa-oaep-mgf1p')
OAEP1_256 = method(XENC + 'rsa-oaep-mgf1p', '<ds:DigestMethod Algorithm="%ssha256"/>' % XENC)
OAEP256 = method(
    XENC11 + 'rsa-oaep',
    '<ds:DigestMethod Algorithm="%ssha256"/><xenc11:MGF Algorithm="%smgf1sha256"/>' % (XENC, XENC11))


def decrypt(pad):
    return lambda b: PRIVATE.decrypt(b, pad)


hybrid('key-rsa15', V15, decrypt(padding.PKCS1v15()), 128)
hybrid('key-oaep-sha1', OAEP1, decrypt(oaep(hashes.SHA1, hashes.SHA1)), 256)
hybrid('key-oaep-sha256', OAEP256, None, 192, lambda k: CERT.public_key().encrypt(k, oaep(hashes.SHA256, hashes.SHA256)))
hybrid('key-oaep-sha256-mgf1p', OAEP1_256, None, 128, lambda k: CERT.public_key().encrypt(k, oaep(hashes.SHA1, hashes.SHA256)))

# Secrets under RSA themselves, as in figure 8 of RFC 6030, which has no MAC;
# and with a MAC, whose key is under RSA too.
for label, m in (('rsa15', V15), ('oaep', OAEP1)):
    value, = xmlsec(SECRET, m)
    if label == 'rsa15':
        figure8(value)
    write('value-' + label, X509, None, [(m, value)])
    mac_key = os.urandom(32)
    wrapped, = xmlsec(mac_key, m)
    write('value-%s-mac' % label, X509, (mac_key, '<MACKey>%s%s</MACKey>' % (m, cipher_data(wrapped))), [(m, value)])
