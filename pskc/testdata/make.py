#!/usr/bin/python3
"""Writes the files in python-pskc/ with python-pskc 1.2 (Debian: python3-pskc).

They show that files of another maker are read. expected.json beside them says
what each must give, in the JSON form of pskc.Key, with the pre-shared key (hex)
or the passphrase. It is made from what was put in, not from any reading.

Random numbers are replaced by a fixed stream, so that a second run writes the
same bytes. Run it in this directory.
"""

import base64
import datetime
import hashlib
import json
import os

from pskc import PSKC

OUT = 'python-pskc'
PSK = bytes(range(1, 33))
PASSPHRASE = 'correct horse battery staple'
ALG = 'urn:ietf:params:xml:ns:keyprov:pskc:'
MACS = ['sha1', 'sha224', 'sha256', 'sha384', 'sha512']
BITS = [128, 192, 256]

_counter = 0


def stream(n):
    """Bytes in place of os.urandom."""
    global _counter
    out = b''
    while len(out) < n:
        _counter += 1
        out += hashlib.sha256(b'pskc testdata %d' % _counter).digest()
    return out[:n]


os.urandom = stream
os.makedirs(OUT, exist_ok=True)
expected = {}

SEED20 = bytes.fromhex('3132333435363738393031323334353637383930')
SEED32 = bytes(range(0xe0, 0x100))

# What python-pskc calls a field, and what pskc.Key does.
NAMES = {
    'id': 'ID', 'manufacturer': 'Manufacturer', 'serial': 'Serial',
    'model': 'Model', 'issue_no': 'IssueNo', 'device_binding': 'DeviceBinding',
    'device_userid': 'DeviceUserID', 'crypto_module': 'ModuleID',
    'issuer': 'Issuer', 'friendly_name': 'FriendlyName',
    'key_userid': 'KeyUserID', 'key_profile': 'ProfileID',
    'key_reference': 'Reference', 'algorithm_suite': 'Suite',
}
NUMBERS = {
    'counter': ('Counter', 'HasCounter'), 'time_offset': ('Time', 'HasTime'),
    'time_interval': ('Interval', 'HasInterval'),
    'time_drift': ('Drift', 'HasDrift'),
}
DATES = ('start_date', 'expiry_date')


def key(kind, secret, **kw):
    """One key: the arguments for python-pskc, and what must be read."""
    policy = kw.pop('policy', {})
    hash_name = kw.pop('hash', 'SHA1' if kind in ('hotp', 'totp') else '')
    want = {
        'Algorithm': ALG + kind, 'Kind': kind.upper(), 'Hash': hash_name,
        'Secret': base64.b64encode(secret).decode(),
    }
    for name, value in kw.items():
        if name in NAMES:
            want[NAMES[name]] = value
        elif name in NUMBERS:
            field, has = NUMBERS[name]
            want[field], want[has] = value, True
    if 'response_length' in kw:
        want['HasResponse'] = True
        want['Response'] = {
            'Encoding': kw['response_encoding'],
            'Length': kw['response_length']}
    if 'challenge_encoding' in kw:
        want['HasChallenge'] = True
        want['Challenge'] = {
            'Encoding': kw['challenge_encoding'],
            'Min': kw['challenge_min_length'],
            'Max': kw['challenge_max_length']}
    starts = [d['start_date'] for d in (kw, policy) if 'start_date' in d]
    ends = [d['expiry_date'] for d in (kw, policy) if 'expiry_date' in d]
    if starts:
        want['NotBefore'] = max(starts).isoformat().replace('+00:00', 'Z')
    if ends:
        want['NotAfter'] = min(ends).isoformat().replace('+00:00', 'Z')
    want_policy = {}
    if 'key_usage' in policy:
        want_policy['KeyUsage'] = policy['key_usage']
    if 'number_of_transactions' in policy:
        want_policy['Transactions'] = policy['number_of_transactions']
        want_policy['HasTransactions'] = True
    pin = {go: policy[py] for py, go in (
        ('pin_key_id', 'KeyID'), ('pin_usage', 'UsageMode'),
        ('pin_encoding', 'Encoding'), ('pin_min_length', 'MinLength'),
        ('pin_max_length', 'MaxLength'),
        ('pin_max_failed_attempts', 'MaxFailedAttempts')) if py in policy}
    if pin:
        want_policy['PIN'] = pin
    if want_policy:
        want['Policy'] = want_policy
    return dict(kw, algorithm=ALG + kind, secret=secret), policy, want


def write(name, keys, bits=None, mac=None, prf=None, fields=('secret',), iterations=1000):
    """Write one file; keys of one inner list share a device."""
    p = PSKC()
    entry = {'keys': []}
    if bits and prf:
        p.mac.setup(algorithm='hmac-' + mac)
        p.encryption.setup_pbkdf2(
            PASSPHRASE, algorithm='aes%d-cbc' % bits, key_name='Passphrase',
            iterations=iterations, prf=None if prf == 'default' else 'hmac-' + prf,
            fields=list(fields))
        entry['passphrase'] = PASSPHRASE
    elif bits:
        p.mac.setup(algorithm='hmac-' + mac)
        p.encryption.setup_preshared_key(
            key=PSK[:bits // 8], algorithm='aes%d-cbc' % bits,
            key_name='Key of the order', fields=list(fields))
        entry['psk'] = PSK[:bits // 8].hex()
    for group in keys:
        if not isinstance(group, list):
            group = [group]
        device = None
        for args, policy, want in group:
            if device is None:
                k = p.add_key(**args)
                device = k.device
            else:
                k = device.add_key(**args)
            for field, value in policy.items():
                setattr(k.policy, field, value)
            entry['keys'].append(want)
    p.write(os.path.join(OUT, name + '.pskc'))
    expected[name] = entry


def utc(*args):
    return datetime.datetime(*args, tzinfo=datetime.timezone.utc)


def simple(serial='1000000001'):
    return key(
        'hotp', SEED20, id=serial, serial=serial, manufacturer='Acme',
        response_length=6, response_encoding='DECIMAL', counter=0)


# Every cipher with every MAC, and every PRF.
for bits in BITS:
    for mac in MACS:
        write('psk-aes%d-%s' % (bits, mac), [simple()], bits=bits, mac=mac)
for i, prf in enumerate(['default'] + MACS):
    write('pbkdf2-%s-aes%d' % (prf, BITS[i % 3]), [simple()], bits=BITS[i % 3],
          mac=MACS[i % 5], prf=prf)

# Every field of the device and of the key, in plain.
FULL = dict(
    id='2000000001', serial='2000000001', manufacturer='Manufaktur Zürich <AG> & Söhne',
    model='C200 "blue"', issue_no='7', device_binding='SIM-8941',
    device_userid='DC=example,DC=net', crypto_module='CM-1', issuer='Issuer GmbH',
    friendly_name='Key of Aoife O’Neill', key_userid='UID=aoife,DC=example',
    key_profile='profile-3', response_length=8, response_encoding='DECIMAL',
    start_date=utc(2024, 1, 2, 3, 4, 5), expiry_date=utc(2034, 5, 6, 7, 8, 9))
write('plain-full-hotp', [key('hotp', SEED20, counter=18446744073709551615, **FULL)])
write('plain-full-totp', [key(
    'totp', SEED32, algorithm_suite='HMAC-SHA256', hash='SHA256', time_offset=0,
    time_interval=60, time_drift=-4, **FULL)])
write('plain-sha512', [key(
    'totp', SEED32 + SEED32, algorithm_suite='sha512', hash='SHA512', time_interval=30,
    id='5', serial='5')])
write('plain-minimal', [key('hotp', SEED20, id='1')])

# OCRA, encrypted, with a challenge format and a time step of two hours.
write('ocra', [key(
    'ocra', SEED32, id='OCRA-1', serial='306-00960', manufacturer='Acme', issue_no='A0B1',
    algorithm_suite='OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1', counter=3,
    challenge_encoding='DECIMAL', challenge_min_length=4, challenge_max_length=8,
    response_length=8, response_encoding='DECIMAL'), key(
    'ocra', SEED32, id='OCRA-2', serial='306-00961', manufacturer='Acme',
    algorithm_suite='OCRA-1:HOTP-SHA256-9:QN02-T2H', time_offset=0, time_interval=7200,
    response_length=9, response_encoding='DECIMAL')], bits=128, mac='sha1')

# All values encrypted. Numbers whose big-endian bytes happen to be ASCII digits
# are left out: no reader can tell those from decimal text.
ALL = ('secret', 'counter', 'time_offset', 'time_interval', 'time_drift')
write('encrypted-numbers', [key(
    'hotp', SEED20, id='n%d' % i, serial='n%d' % i, counter=n)
    for i, n in enumerate([0, 1, 255, 256, 65536, 961392, 2**31, 2**32, 2**53 + 1,
                           2**63 - 1, 2**63, 2**64 - 1])] + [key(
        'totp', SEED20, id='t', serial='t', time_offset=2**33, time_interval=172800,
        time_drift=3)], bits=192, mac='sha256', fields=ALL)

# Several keys on one device, and the same serial again in another package.
DEV = dict(manufacturer='Acme', serial='3000000001', model='X', issue_no='1')
write('several-per-serial', [
    [key('hotp', SEED20, id='3000000001#1', counter=5, **DEV),
     key('totp', SEED32, id='3000000001#2', time_interval=30, **DEV),
     key('ocra', SEED20, id='3000000001#3', algorithm_suite='OCRA-1:HOTP-SHA1-6:QN08', **DEV)],
    key('hotp', SEED32, id='3000000001#1', counter=9, **dict(DEV, issue_no='2')),
], bits=256, mac='sha256')

# Policies; the dates of device and policy are combined.
write('policy', [
    key('hotp', SEED20, id='k1', serial='4000000001', counter=0,
        start_date=utc(2020, 1, 1), expiry_date=utc(2030, 1, 1),
        policy=dict(
            start_date=utc(2021, 1, 1), expiry_date=utc(2029, 1, 1),
            number_of_transactions=4321, key_usage=['OTP', 'CR', 'Integrity'],
            pin_key_id='p1', pin_usage='Append', pin_max_failed_attempts=5,
            pin_min_length=4, pin_max_length=10, pin_encoding='ALPHANUMERIC')),
    key('pin', b'4711', id='p1', serial='4000000001', response_length=4,
        response_encoding='DECIMAL'),
    key('hotp', SEED20, id='k2', serial='4000000002', counter=0,
        start_date=utc(2022, 1, 1),
        policy=dict(start_date=utc(2021, 1, 1), expiry_date=utc(2029, 1, 1),
                    key_usage=['OTP'])),
])

# A secret of 16 bytes fills its block, so that the padding is a whole one.
write('whole-block', [key('hotp', SEED32[:16], id='w', serial='w'),
                      key('hotp', SEED32, id='x', serial='x')], bits=128, mac='sha1')

# Triple-DES with two and three keys, and AES key wrap: python-pskc wraps what
# is no multiple of 8 bytes by RFC 5649 under the same name, and declares no MAC
# unless told to.
def write_cipher(name, algorithm, psk, mac, secrets, **entry_extra):
    p = PSKC()
    if mac:
        p.mac.setup(algorithm='hmac-' + mac)
    p.encryption.setup_preshared_key(key=psk, algorithm=algorithm, key_name='Key of the order')
    entry = dict(entry_extra, psk=psk.hex(), keys=[])
    for i, secret in enumerate(secrets):
        args, _, want = key('hotp', secret, id='c%d' % i, serial='500000000%d' % i, counter=i)
        p.add_key(**args)
        entry['keys'].append(want)
    p.write(os.path.join(OUT, name + '.pskc'))
    expected[name] = entry


for n in (16, 24):
    write_cipher('psk-3des%d' % (n * 8), 'tripledes-cbc', PSK[:n], 'sha1', [SEED20, SEED32[:16]], tripledes=True)
for bits in BITS:
    write_cipher('psk-kw-aes%d' % bits, 'kw-aes%d' % bits, PSK[:bits // 8], None, [SEED20, SEED32, SEED32[:16]])
write_cipher('psk-kw-aes128-sha256', 'kw-aes128', PSK[:16], 'sha256', [SEED20, SEED32])

with open('python-pskc/expected.json', 'w') as f:
    json.dump(expected, f, indent=1, sort_keys=True, ensure_ascii=False)
    f.write('\n')
