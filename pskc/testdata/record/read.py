#!/usr/bin/python3
"""Reads the records of an export, and checks the MAC over the file.

It was written after docs/pskc-record.md and shares nothing with the Go code:
read.py FILE PASSPHRASE prints the id and the record of each key.
"""

import base64
import hashlib
import hmac
import sys
import xml.etree.ElementTree as tree

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

NS = 'urn:ostiary:pskc:record:1'
PSKC = '{urn:ietf:params:xml:ns:keyprov:pskc}'
XENC = '{http://www.w3.org/2001/04/xmlenc#}'
TAIL = b'</os:FileMAC></Extensions>\n</KeyContainer>\n'

raw = open(sys.argv[1], 'rb').read()
root = tree.fromstring(raw)


def binary(element):
    return base64.b64decode(element.text)


def decrypt(element):
    b = binary(element.find('.//%sCipherValue' % XENC))
    d = Cipher(algorithms.AES(key), modes.CBC(b[:16])).decryptor()
    plain = d.update(b[16:]) + d.finalize()
    return b, plain[:-plain[-1]]


def mac(k, data):
    return hmac.new(k, data, hashlib.sha256).digest()


salt = binary(root.find('.//Specified'))
count = int(root.find('.//IterationCount').text)
key = hashlib.pbkdf2_hmac('sha256', sys.argv[2].encode(), salt, count, 32)
_, mac_key = decrypt(root.find('%sMACMethod' % PSKC))
assert mac_key.endswith(NS.encode())

for k in root.iter(PSKC + 'Key'):
    package = next(p for p in root.iter(PSKC + 'KeyPackage') if k in list(p))
    line = k.get('Id')
    record = k.find('%sExtensions/{%s}Record' % (PSKC, NS))
    if record is not None:
        cipher, text = decrypt(record)
        assert binary(record.find(PSKC + 'ValueMAC')) == mac(mac(mac_key, b'record'), cipher)
        lines = text.decode().split('\n')
        assert lines.pop() == ''

        def info(name):
            return package.findtext('%sDeviceInfo/%s%s' % (PSKC, PSKC, name)) or ''
        assert lines[:5] == [
            'manufacturer=' + info('Manufacturer'), 'serial=' + info('SerialNo'), 'issue_no=' + info('IssueNo'),
            'id=' + k.get('Id'), 'algorithm=' + k.get('Algorithm')]
        line = ' '.join([line] + lines[5:])
    print(line)

head, found, rest = raw.partition(b'<Extensions><os:FileMAC>')
want = base64.b64encode(mac(mac(mac_key, b'file'), hashlib.sha256(head + found).digest()))
print('the MAC over the file is', 'right' if hmac.compare_digest(rest, want + TAIL) else 'wrong')
