import os
import sys

from pskc import PSKC

action, path, keyfile, count = sys.argv[1:5]
count = int(count)
if action == "write":
    pskc = PSKC()
    for i in range(count):
        pskc.add_key(
            id=str(i), serial="%09d" % (500000000 + i), manufacturer="BENCH",
            algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp",
            secret=os.urandom(20), counter=0, response_length=6, response_encoding="DECIMAL")
    key = os.urandom(16)
    pskc.encryption.setup_preshared_key(algorithm="aes128-cbc", key=key)
    pskc.mac.setup(algorithm="hmac-sha1")
    pskc.write(path)
    with open(keyfile, "w") as f:
        f.write(key.hex() + "\n")
else:
    pskc = PSKC(path)
    with open(keyfile) as f:
        pskc.encryption.key = bytes.fromhex(f.read().strip())
    read = sum(1 for key in pskc.keys if len(key.secret) == 20 and key.counter == 0)
    assert read == count, read
