"""Keys and tokens as NATS' own tool makes them: an operator, an account, and a user's file of credentials."""

import base64
import json
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

OPERATOR, ACCOUNT, USER, SEED = 14 << 3, 0, 20 << 3, 18 << 3


def _text(raw):
    """With a CRC-16, in base 32."""
    crc = 0
    for byte in raw:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return base64.b32encode(raw + crc.to_bytes(2, "little")).decode().rstrip("=")


class Key:
    def __init__(self, kind):
        self.kind = kind
        self.private = Ed25519PrivateKey.generate()
        self.name = _text(bytes([kind]) + self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    @property
    def seed(self):
        head = bytes([SEED | self.kind >> 5, (self.kind & 31) << 3])
        return _text(head + self.private.private_bytes_raw())

    def sign(self, subject, name, kind, **more):
        def part(value):
            return base64.urlsafe_b64encode(value).rstrip(b"=")

        claims = {"jti": subject[:20], "iat": int(time.time()), "iss": self.name, "name": name, "sub": subject,
                  "nats": {**more, "type": kind, "version": 2}}
        text = part(json.dumps({"typ": "JWT", "alg": "ed25519-nkey"}).encode()) + b"." + part(json.dumps(claims).encode())
        return (text + b"." + part(self.private.sign(text))).decode()


class Operator:
    """An account with JetStream, and one for the system."""

    def __init__(self):
        operator, system = Key(OPERATOR), Key(ACCOUNT)
        self.account = Key(ACCOUNT)
        limits = {name: -1 for name in ("subs", "data", "payload", "imports", "exports", "conn", "leaf", "mem_storage",
                                        "disk_storage", "streams", "consumer")} | {"wildcards": True}
        tokens = {
            system.name: operator.sign(system.name, "system", "account", limits=limits | {"mem_storage": 0, "disk_storage": 0}),
            self.account.name: operator.sign(self.account.name, "chat", "account", limits=limits)}
        preload = "\n".join(f"{name}: {token}" for name, token in tokens.items())
        self.configuration = (f"operator: {operator.sign(operator.name, 'test', 'operator')}\nsystem_account: {system.name}\n"
                              f"resolver: MEMORY\nresolver_preload {{\n{preload}\n}}\n")

    def credentials(self):
        user = Key(USER)
        token = self.account.sign(user.name, "host", "user", pub={}, sub={}, subs=-1, data=-1, payload=-1)
        return (f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
                f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n")
