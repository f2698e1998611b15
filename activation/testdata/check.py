#!/usr/bin/python3
"""Read the activation vectors with an implementation of docs/protocol.md that
shares nothing with the Go package: CBOR, typed codes, key derivation and MACs are
written here, AES and HKDF are python3-cryptography's, Argon2id python3-argon2's.

    check.py DIRECTORY

For every case it says whether it is accepted, and compares what is read with "out".
HPKE is not computed (no Debian package has MLKEM768-X25519): of the answers it
checks MAC and structure alone.
"""
import base64
import hashlib
import hmac
import ipaddress
import json
import re
import sys
import xml.etree.ElementTree

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Refused(Exception):
    pass


def need(condition):
    if not condition:
        raise Refused


# Conventions


def h(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def lv(x):
    return len(x).to_bytes(2, "big") + x


def kdf(ikm, label, *contexts, n=32):
    info = b"ostiary/1 " + label.encode() + b"\0" + b"".join(map(lv, contexts))
    return HKDF(hashes.SHA256(), n, None, info).derive(ikm)


def cbor(b, depth=0):
    """Returns the first item and the rest."""
    need(b)
    major, v, b = b[0] >> 5, b[0] & 31, b[1:]
    if major == 7:
        need(v in (20, 21))
        return v == 21, b
    if v >= 24:
        need(v <= 27)
        n = 1 << (v - 24)
        need(len(b) >= n)
        v, b = int.from_bytes(b[:n], "big"), b[n:]
        need(v >= {1: 24, 2: 1 << 8, 4: 1 << 16, 8: 1 << 32}[n])
    if major == 0:
        return v, b
    if major in (2, 3):
        need(len(b) >= v)
        x, b = b[:v], b[v:]
        if major == 3:
            try:
                x = x.decode()
            except UnicodeDecodeError:
                raise Refused
        return x, b
    need(major in (4, 5) and depth < 6)
    if major == 4:
        items = []
        for _ in range(v):
            x, b = cbor(b, depth + 1)
            items.append(x)
        return items, b
    m, last = {}, -1
    for _ in range(v):
        k, b = cbor(b, depth + 1)
        need(type(k) is int and k > last)
        last = k
        m[k], b = cbor(b, depth + 1)
    return m, b


def whole(b):
    x, rest = cbor(b)
    need(rest == b"")
    return x


def table(x, required, optional=()):
    """A map with these keys and types, and no others."""
    need(type(x) is dict and set(required) <= set(x) <= set(required) | set(optional))
    for k, v in x.items():
        need(type(v) is (required[k] if k in required else dict(optional)[k]))
    return x


def message(x, required, optional=()):
    x = table(x, {0: int, **required}, optional)
    need(x[0] == 1)
    return x


CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def b32(typed):
    s = typed.replace(" ", "").replace("-", "").upper().replace("O", "0").replace("I", "1").replace("L", "1")
    need(typed.isascii() and all(c in CROCKFORD for c in s))
    return s


def digits(typed):
    s = typed.replace(" ", "").replace("-", "")
    need(re.fullmatch("[0-9]*", s))
    return s


def bits(code):
    return "".join(format(CROCKFORD.index(c), "05b") for c in code)


def binary(b):
    return "".join(format(x, "08b") for x in b)


def symbols(s):
    return "".join(CROCKFORD[int(s[i : i + 5], 2)] for i in range(0, len(s), 5))


def octets(s):
    return int(s, 2).to_bytes(len(s) // 8, "big")


def shown(s, most):
    need(1 <= len(s.encode()) <= most)
    need(not re.search("[\0-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
                       "\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufffb"
                       "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]", s))
    need(not re.search("^[ \xa0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000]|[ \xa0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000]$", s))


# Formats


def suite(s):
    m = re.fullmatch(r"(HOTP|TOTP|OCRA-1:HOTP)-(SHA1|SHA256|SHA512)-([4-9]|10)(?:/([1-9][0-9]*)|:((C-)?Q([ANH])([0-9]{2})(?:-T[0-9]+[SMH])?))?", s)
    need(m)
    kind = m[1][:4]
    need((m[4] is not None) == (kind == "TOTP") and (m[5] is not None) == (kind == "OCRA"))
    need(kind == "OCRA" or int(m[3]) >= 6)
    need(m[4] is None or int(m[4]) <= 3600)
    size = {"SHA1": 20, "SHA256": 32, "SHA512": 64}[m[2]]
    return {"kind": kind, "size": size, "event": kind == "HOTP" or bool(m[6]), "signs": kind == "OCRA" and m[7] + m[8] == "H64"}


def vector(b):
    v = message(whole(b), {1: bytes, 2: str, 3: bytes, 4: bytes, 5: list, 6: dict, 7: dict, 9: str, 10: str}, {8: dict})
    need(len(v[1]) == 16 and re.fullmatch("[A-Z0-9]{0,3}", v[2]) and len(v[3]) == len(v[4]) == 32 and 1 <= len(v[5]) <= 8)
    last, confirms = 0, False
    for a in v[5]:
        table(a, {1: int, 2: str, 3: int, 4: str})
        need(last < a[1] <= 8)
        last = a[1]
        shown(a[2], 32)
        s = a["suite"] = suite(a[4])
        need(a[3] in (1, 2, 3) and (s["kind"] == "OCRA") == (a[3] != 1) and (a[3] != 3 or s["signs"]))
        confirms |= a[3] == 1
    p = table(v[6], {1: int, 2: int, 3: bool, 4: int, 5: int, 6: int})
    need(4 <= p[1] <= p[2] <= 12 and 1 <= p[4] <= 99 and p[5] in (1, 2) and p[6] in (0, 1))
    r = table(v[7], {1: int, 2: bool, 3: bool, 4: bool, 5: bool, 6: list, 7: bool})
    need(r[1] in (1, 2) and len(r[6]) == 3 and all(type(x) is int for x in r[6]))
    t, m, lanes = r[6]
    need(1 <= t <= 10 and 8 <= m <= 65536 and 1 <= lanes <= 4 and m >= 8 * lanes and (r[2] or not r[3]))
    if 8 in v:
        table(v[8], {1: bool})
        need(not v[8][1] or (p[5] == 1 and p[6] == 1))
    need(confirms or 8 in v)
    shown(v[9], 64)
    shown(v[10], 64)
    v["hash"] = h(b)
    v["events"] = [a for a in v[5] if a["suite"]["event"]]
    return v


def serial(v, typed):
    s = typed.replace(" ", "").replace("-", "").upper()
    if re.fullmatch(re.escape(v[2]) + "[0-9]{1,15}", s):
        return s
    need(re.fullmatch("[0-9]{1,15}", s))
    return v[2] + s


def mod97(s):
    return int("".join(str(int(c, 36)) for c in s)) % 97


def erc(number, counters):
    s = "".join("%010d" % c for c in counters)
    return s + "%02d" % (98 - mod97(number + s + "00"))


def password(text):
    try:
        if len(b32(text)) == 10:
            return b32(text)
    except Refused:
        pass
    need(re.fullmatch("[ -~]{10,64}", text))
    return text


def aes(key, block):
    d = Cipher(algorithms.AES(key), modes.ECB()).decryptor()
    return d.update(block) + d.finalize()


def open_code(v, typed, number, pw, counters):
    need(8 not in v)
    number = serial(v, number)
    need(not counters or len(counters) == len(v["events"]))
    digits_of_erc = erc(number, counters) if counters else ""
    rules = v[7]
    k2 = None
    need(bool(pw) == rules[2])
    if pw:
        t, m, p = rules[6]
        salt = h(b"ostiary/1 ac/2", v[1], number.encode())[:16]
        k2 = hash_secret_raw(password(pw).encode(), salt, t, m, p, 32, Type.ID, 19)
    kc = kdf(k2 if rules[3] else v[3], "ac/check", number.encode(), v["hash"])

    def check(b):
        return mac(kc, lv(number.encode()), b, lv(digits_of_erc.encode()))

    if rules[1] == 1:
        code = b32(typed)
        need(len(code) == 30)
        b = octets(bits(code)[:128])
        need(bits(code)[128:] == binary(check(b))[:22])
    else:
        code = digits(typed)
        need(len(code) == 45 and int(code[:39]) < 1 << 128)
        b = int(code[:39]).to_bytes(16, "big")
        need(int(code[39:]) == int.from_bytes(check(b)[:8], "big") % 10**6)
    if k2:
        b = aes(k2, b)
    return aes(kdf(v[3], "ac/1", number.encode()), b), code


def registration(typed):
    c = b32(typed)
    need(len(c) == 25 and bits(c[23:]) == binary(h(b"ostiary/1 rc", c[:23].encode()))[:10])
    return c


def on_mac(code, label, *parts):
    return mac(kdf(code[5:23].encode(), label), *parts)


def unpack(body):
    x = whole(body)
    need(type(x) is list and len(x) == 2 and type(x[0]) is bytes and type(x[1]) is bytes)
    return x


def locator(s):
    need(re.fullmatch("[%s]{5}" % CROCKFORD, s))


def server(s):
    m = re.fullmatch(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([1-9][0-9]*))?", s)
    need(m and len(s) <= 200 and (not m[3] or int(m[3]) < 65536))
    need(m[1] == "https" or m[2] in ("localhost", "127.0.0.1", "[::1]"))
    if m[2].startswith("["):
        try:
            a = ipaddress.IPv6Address(m[2][1:-1])
        except ValueError:
            raise Refused from None
        need(m[2][1:-1] == ("::ffff:%s" % a.ipv4_mapped if a.ipv4_mapped else str(a)))
    elif re.match("[0-9]", m[2].split(".")[-1]):
        try:
            need(str(ipaddress.IPv4Address(m[2])) == m[2])
        except ValueError:
            raise Refused from None


BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def base45(s):
    out = b""
    for i in range(0, len(s), 3):
        part = s[i : i + 3]
        need(len(part) > 1 and all(c in BASE45 for c in part))
        v = sum(BASE45.index(c) * 45**n for n, c in enumerate(part))
        need(v < 1 << 8 * (len(part) - 1))
        out += v.to_bytes(len(part) - 1, "big")
    return out


def paste(s):
    need(s.startswith("ost1.") and re.fullmatch("[A-Za-z0-9_-]*", s[5:]) and len(s[5:]) % 4 != 1)
    b = base64.urlsafe_b64decode(s[5:] + "=" * (-len(s[5:]) % 4))
    need(base64.urlsafe_b64encode(b).rstrip(b"=").decode() == s[5:])
    return b


# The files


def read_profile(i):
    v = vector(bytes.fromhex(i.get("vector", "")))
    hx = v["hash"].hex()
    sheet = {
        "id": v[1].hex(), "prefix": v[2], "key": v[3].hex(), "issuer_key": v[4].hex(), "name": v[9], "issuer": v[10],
        "applications": ["%d %d %s %s" % (a[1], a[3], a[4], a[2]) for a in v[5]],
        "pin": [v[6][k] for k in range(1, 7)],
        "activation": [v[7][k] for k in range(1, 6)] + v[7][6] + [v[7][7]],
        "two_step": 8 in v, "secure_channel": 8 in v and v[8][1],
    }
    return {"hash": hx, "fingerprint": " ".join(hx[n : n + 4] for n in range(0, 20, 4)), "sheet": sheet}


def read_code(i):
    s, code = open_code(profiles[i["profile"]], i.get("code", ""), i.get("serial", ""), i.get("password"), i.get("counters"))
    return {"secret": s.hex(), "code": code}


def read_appkey(i):
    v = profiles[i["profile"]]
    apps = [a for a in v[5] if a[1] == i["index"]]
    d = bytes.fromhex(i.get("device", ""))
    need(apps and len(d) == (10 if v[7][4] else 0))
    key = kdf(bytes.fromhex(i["secret"]), "app", serial(v, i["serial"]).encode(), bytes([i["index"]]), d, n=apps[0]["suite"]["size"])
    return {"key": key.hex()}


def read_erc(i):
    v = profiles[i["profile"]]
    number, s = serial(v, i["serial"]), digits(i.get("erc", ""))
    n = len(v["events"])
    need(n and len(s) == 10 * n + 2)
    counters = [int(s[10 * k : 10 * k + 10]) for k in range(n)]
    need(erc(number, counters) == s)
    return {"serial": number, "counters": counters, "erc": s}


def read_fad(i):
    f = message(whole(bytes.fromhex(i["fad"])), {1: bytes, 2: str, 3: str}, {4: str})
    v = vector(f[1])
    need(8 not in v and re.fullmatch("[0-9]{1,15}", f[2]))
    need((b32 if v[7][1] == 1 else digits)(f[3]) == f[3] and len(f[3]) == {1: 30, 2: 45}[v[7][1]])
    if 4 in f:
        shown(f[4], 40)
    return {"hash": v["hash"].hex(), "serial": v[2] + f[2], "code": f[3], **({"label": f[4]} if 4 in f else {})}


def read_registration(i):
    c = registration(i.get("registration", ""))
    return {"registration": c, "locator": c[:5], "mac": on_mac(c, "on/req", b"message").hex()}


def read_derivation(i):
    s, number, c = bytes.fromhex(i["secret"]), i["serial"].encode(), b32(i.get("derivation", ""))
    need(len(c) == 20)
    pad = kdf(s, "bind/pad", number, n=10)
    d = bytes(a ^ b for a, b in zip(octets(bits(c)[:80]), pad))
    need(bits(c)[80:] == binary(mac(kdf(s, "bind", number), d))[:20])
    return {"device": d.hex(), "derivation": c, "display": symbols(binary(h(b"ostiary/1 device", d))[:40])}


def read_request(i):
    m, auth = unpack(bytes.fromhex(i["body"]))
    code = i["registration"]
    need(auth == on_mac(code, "on/req", m))
    r = message(whole(m), {1: str, 2: bytes, 3: int, 4: str, 5: bytes})
    need(r[1] == code[:5] and len(r[2]) == 1216 and r[3] <= 5 and len(r[5]) == 16)
    # FIPS 203, 7.2: each of the 768 coefficients of the ML-KEM key is below 3329.
    n = int.from_bytes(r[2][:1152], "little")
    need(all(n >> 12 * k & 4095 < 3329 for k in range(768)))
    shown(r[4], 64)
    out = {"locator": r[1], "device_name": r[4], "hash": h(m).hex()}
    return {**out, "device_type": r[3]} if r[3] else out


def read_answer(i):
    m, auth = unpack(bytes.fromhex(i["body"]))
    request, _ = unpack(bytes.fromhex(i["request"]))
    need(auth == on_mac(i["registration"], "on/resp", h(request), m))
    r = message(whole(m), {1: bytes, 2: bytes, 4: int}, {3: bytes})
    need(len(r[1]) == 1120 and 1 <= r[4] < 1 << 53 and r.get(3, b"x"))
    return {"time": r[4]}


def read_confirm(i):
    m, auth = unpack(bytes.fromhex(i["body"]))
    need(auth == on_mac(i["registration"], "on/conf", bytes.fromhex(i["hash"]), m))
    c = message(whole(m), {1: str, 2: str}, {3: str, 4: str})
    need(c[1] == i["registration"][:5] and all(re.fullmatch("[0-9]{6,10}", c[k]) for k in (2, 4) if k in c))
    need(3 not in c or (len(c[3]) == 20 and b32(c[3]) == c[3]))
    return {name: c[k] for k, name in ((2, "otp"), (3, "derivation"), (4, "next_otp")) if k in c}


def read_result(i):
    m, auth = unpack(bytes.fromhex(i["body"]))
    sent, _ = unpack(bytes.fromhex(i["confirm"]))
    need(auth == on_mac(i["registration"], "on/done", h(sent), m))
    r = message(whole(m), {1: bool}, {2: int})
    need((2 in r) != r[1] and r.get(2, 0) <= 99)
    return {"accepted": r[1], **({} if r[1] else {"tries_left": r[2]})}


def read_offer(i):
    o = message(whole(bytes.fromhex(i["payload"])), {1: str, 2: str})
    server(o[1])
    need(registration(o[2]) == o[2])
    return {"server": o[1], "registration": o[2]}


def read_carrier(i):
    text = i.get("text", "").lstrip(" \t\r\n")
    if text.startswith("OST1:"):
        b = base45(text[5:].rstrip("\t\r\n"))
    else:
        text = text.rstrip(" \t\r\n")
        if "/app#" in text:
            address, text = text.split("/app#", 1)
            server(address)
        b = paste(text[1:] if text.startswith("#") else text)
    x = whole(b)
    need(type(x) is list and len(x) == 2 and type(x[0]) is int and 1 <= x[0] <= 6 and type(x[1]) is bytes)
    out = {"type": x[0], "level": "M" if len(b) <= 400 else "L", "paste": "ost1." + base64.urlsafe_b64encode(b).rstrip(b"=").decode()}
    return {**out, "payload": x[1].hex()} if x[1] else out


def read_qrbody(i):
    text = i["text"]
    need(len(text.encode()) <= 1024 and re.fullmatch(r"<QRCode>([ \t\r\n]*<([A-Z]+)>[^<>]+</\2>)*[ \t\r\n]*</QRCode>", text))
    need(not re.search("&(?!(amp|lt|gt|quot|apos);)", text))
    names = {"SN": "serial", "AC": "code", "ERC": "erc", "USERID": "user_id", "CHALLENGE": "challenge"}
    out = {}
    for e in xml.etree.ElementTree.fromstring(text):
        need(e.tag in names and names[e.tag] not in out)
        out[names[e.tag]] = e.text
    need("serial" in out and "code" in out)
    need(re.fullmatch("[A-Z0-9]{0,3}[0-9]{1,15}", out["serial"]))
    typed = out["code"]
    out["code"] = b32(typed)
    need(len(out["code"]) == 30 or len(out["code"]) == 45)
    if len(out["code"]) == 45:
        out["code"] = digits(typed)
    if "erc" in out:
        out["erc"] = digits(out["erc"])
        need(len(out["erc"]) in range(12, 83, 10))
    if "user_id" in out:
        shown(out["user_id"], 40)
    need(re.fullmatch("[0-9A-Za-z]{1,64}", out.get("challenge", "x")))
    return out


# What is not computed here.
PARTS = {"answer": ["time"], "carrier": ["type", "level", "paste", "payload"], "qrbody": ["serial", "code", "erc", "user_id", "challenge"]}
# Refusals that only opening HPKE finds.
UNSEEN = {"sealed"}

profiles = {}


def main(directory):
    bad = done = 0
    for name in "profile code appkey erc fad registration derivation request answer confirm result offer carrier qrbody".split():
        with open("%s/%s.json" % (directory, name)) as f:
            cases = json.load(f)["cases"]
        for c in cases:
            try:
                got = globals()["read_" + name](c["in"])
            except Refused:
                got = None
            if name == "profile" and got:
                profiles[c["name"]] = vector(bytes.fromhex(c["in"]["vector"]))
            want = c.get("out")
            if want and name in PARTS:
                want = {k: v for k, v in want.items() if k in PARTS[name]}
            if c.get("refuse") in UNSEEN:
                continue
            done += 1
            if got != want:
                bad += 1
                print("%s: %s: %s, want %s" % (name, c["name"], got, want))
    print("%d cases, %d differ" % (done, bad) if bad else "%d cases, all agree" % done)
    return bad != 0


sys.exit(main(sys.argv[1]))
