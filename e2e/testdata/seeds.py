#!/usr/bin/python3
"""Writes a PSKC file with python-pskc (Debian: python3-pskc).

    seeds.py FILE < order.json

The order is {"keys": [...], "psk": HEX or "passphrase": TEXT}. A key has id,
serial, kind (hotp, totp, ocra) and seed (hex), and may have manufacturer,
counter, interval, digits, suite and hash. Keys of one serial that follow each
other share a device. It comes by standard input because arguments can be seen
by everyone on the machine.
"""

import json
import sys

from pskc import PSKC

ALG = 'urn:ietf:params:xml:ns:keyprov:pskc:'


def arguments(k):
    out = dict(
        id=k['id'], serial=k['serial'], algorithm=ALG + k['kind'],
        manufacturer=k.get('manufacturer', 'Acme'), secret=bytes.fromhex(k['seed']))
    if k['kind'] != 'ocra':
        out.update(response_length=k.get('digits', 6), response_encoding='DECIMAL')
    if k['kind'] == 'totp':
        out.update(time_interval=k.get('interval', 30))
    if k['kind'] == 'hotp':
        out.update(counter=k.get('counter', 0))
    if k.get('suite'):
        out.update(algorithm_suite=k['suite'])
    return out


def main(path):
    order = json.load(sys.stdin)
    p = PSKC()
    if order.get('psk'):
        p.mac.setup(algorithm='hmac-sha1')
        p.encryption.setup_preshared_key(
            key=bytes.fromhex(order['psk']), algorithm='aes128-cbc',
            key_name='Key of the order', fields=['secret'])
    elif order.get('passphrase'):
        p.mac.setup(algorithm='hmac-sha256')
        p.encryption.setup_pbkdf2(
            order['passphrase'], algorithm='aes256-cbc', key_name='Passphrase',
            iterations=10000, prf='hmac-sha256', fields=['secret'])
    last, device = None, None
    for k in order['keys']:
        if k['serial'] == last:
            device.add_key(**arguments(k))
        else:
            device = p.add_key(**arguments(k)).device
        last = k['serial']
    p.write(path)


main(sys.argv[1])
