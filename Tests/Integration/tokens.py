"""JSON Web Tokens, keys and certificates as others make them: by Python's hmac and by openssl."""

import base64
import hashlib
import hmac
import json
import subprocess
import time


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(sign, algorithm, claims, header=None):
    head = {"alg": algorithm, "typ": "JWT", **(header or {})}
    text = ".".join(encoded(json.dumps(part).encode()) for part in (head, claims))
    return f"{text}.{encoded(sign(text.encode()))}"


def claims(seconds=60, **more):
    return {"sub": "user-7", "exp": time.time() + seconds, **more}


def hs256(secret, content, algorithm="HS256", **header):
    return signed(lambda text: hmac.new(secret.encode(), text, hashlib.sha256).digest(), algorithm, content, header)


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, check=True).stdout


class KeyPair:
    """A private key in a file, its public one in another."""

    def __init__(self, folder, name, *kind):
        self.private, self.public = folder / f"{name}.key", folder / f"{name}.pub"
        openssl("genpkey", *kind, "-out", self.private)
        openssl("pkey", "-in", self.private, "-pubout", "-out", self.public)

    def signature(self, text):
        return openssl("dgst", "-sha256", "-sign", self.private, data=text)


class RSA(KeyPair):
    algorithm = "RS256"

    def __init__(self, folder, name="rsa"):
        super().__init__(folder, name, "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")

    def token(self, content, **header):
        return signed(self.signature, "RS256", content, header)

    def jwk(self, **more):
        modulus = openssl("rsa", "-pubin", "-in", self.public, "-noout", "-modulus").decode().split("=")[1].strip()
        return {"kty": "RSA", "n": encoded(bytes.fromhex(modulus)), "e": "AQAB", **more}


class EC(KeyPair):
    algorithm = "ES256"

    def __init__(self, folder, name="ec"):
        super().__init__(folder, name, "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")

    def token(self, content, **header):
        return signed(lambda text: self.raw(self.signature(text)), "ES256", content, header)

    @staticmethod
    def raw(der):
        """DER's SEQUENCE of two INTEGERs as JWS has it: two numbers of 32 bytes."""
        position, numbers = 2, []
        for _ in range(2):
            size = der[position + 1]
            numbers.append(int.from_bytes(der[position + 2:position + 2 + size], "big"))
            position += 2 + size
        return b"".join(number.to_bytes(32, "big") for number in numbers)

    def jwk(self, **more):
        point = openssl("pkey", "-pubin", "-in", self.public, "-outform", "DER")[-64:]
        return {"kty": "EC", "crv": "P-256", "x": encoded(point[:32]), "y": encoded(point[32:]), **more}


def certificate(folder, name, common_name="localhost"):
    """A certificate that signs itself, for 127.0.0.1, and its key."""
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout",
            paths[1], "-out", paths[0], "-subj", f"/CN={common_name}", "-addext", "subjectAltName=IP:127.0.0.1")
    return paths
