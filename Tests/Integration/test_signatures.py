"""Tokens as PyJWT and Authlib make them, in every form that is taken, and what only looks like them."""

import base64
import datetime
import hashlib
import hmac
import json
import signal
import time
import warnings

import jwt
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from conftest import DEADLINE, wait_until
from tokens import encoded

with warnings.catch_warnings():
    # It names its successor, which it brings.
    warnings.simplefilter("ignore")
    from authlib import jose

# What a secret's length should be is the issuer's matter here.
pytestmark = pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")

SECRET = "a secret of sixty-four bytes and more, as HS512 would have it: 0123456789"
CODES = ["HS256", "HS384", "HS512"]
FLOW = "resources: {m: echo}\nstages: [receive, complete, respond]\n"
DIGESTS = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


class Pair:
    """A private key and the algorithms that it is for."""

    def __init__(self, private, algorithms, of_pyjwt):
        self.private, self.algorithms, self.of_pyjwt = private, algorithms, of_pyjwt
        self.public = private.public_key()
        self.signing = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        # Read once: that takes longer than to sign.
        self.keys = {"PyJWT": private, "Authlib": jose.JsonWebKey.import_key(self.signing)}
        self.pem = self.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def certificate(self):
        """One of yesterday that has expired: only its key counts."""
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer")])
        day = datetime.datetime(2020, 1, 1)
        builder = x509.CertificateBuilder().issuer_name(name).subject_name(name).public_key(self.public).serial_number(7)
        builder = builder.not_valid_before(day).not_valid_after(day + datetime.timedelta(1))
        algorithm = None if isinstance(self.private, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        return builder.sign(self.private, algorithm).public_bytes(Encoding.PEM).decode()

    def jwk(self, library, **more):
        if library == "PyJWT":
            jwk = self.of_pyjwt.to_jwk(self.public, as_dict=True)
            jwk.pop("key_ops", None)
        else:
            jwk = dict(jose.JsonWebKey.import_key(self.pem).as_dict())
            jwk.pop("kid", None)
        return {**jwk, **more}

    def form(self):
        return self.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def make(kind):
    if kind == "RSA":
        return Pair(rsa.generate_private_key(65537, 2048), ["RS256", "RS384", "RS512", "PS256"], RSAAlgorithm)
    if kind == "P-256":
        return Pair(ec.generate_private_key(ec.SECP256R1()), ["ES256"], ECAlgorithm)
    if kind == "P-384":
        return Pair(ec.generate_private_key(ec.SECP384R1()), ["ES384"], ECAlgorithm)
    return Pair(ed25519.Ed25519PrivateKey.generate(), ["EdDSA"], OKPAlgorithm)


KINDS = ["RSA", "P-256", "P-384", "Ed25519"]


@pytest.fixture(scope="module")
def pairs():
    return {kind: make(kind) for kind in KINDS}


@pytest.fixture(scope="module")
def others():
    return {kind: make(kind) for kind in KINDS}


def claims(**more):
    return {"sub": "user-7", "exp": int(time.time()) + 600, **more}


LIBRARIES = ["PyJWT", "Authlib"]


def token_by(library, key, algorithm, **header):
    """What a library makes with a secret or a pair."""
    key = key.keys[library] if isinstance(key, Pair) else key
    if library == "PyJWT":
        return jwt.encode(claims(), key, algorithm=algorithm, headers=header)
    return jose.JsonWebToken([algorithm]).encode({"alg": algorithm, **header}, claims(), key).decode()


def by_pyjwt(key, algorithm, **header):
    return token_by("PyJWT", key, algorithm, **header)


def guarded(serve, how):
    return serve(f"pipeline: p\nhost: {{auth: {{jwt: {{{how}}}}}}}\n{FLOW}")


# One connection to a host carries all its requests.
CLIENT = requests.Session()


def status(host, token):
    return CLIENT.post(f"{host.http}/ws", b'{"prompt": "x"}', headers={"Authorization": f"Bearer {token}"}, timeout=DEADLINE).status_code


def code(secret, text, algorithm="HS256"):
    return hmac.new(secret, text.encode(), DIGESTS[algorithm]).digest()


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.mark.parametrize("secret", [SECRET, "a secret of at least thirty-two bytes"])
def test_a_secret_checks_the_codes_of_every_size(serve, secret):
    host = guarded(serve, f"secret: '{secret}'")
    for library in LIBRARIES:
        for algorithm in CODES:
            assert status(host, token_by(library, secret, algorithm)) == 200
            assert status(host, token_by(library, secret + "x", algorithm)) == 401


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_in_pem_checks_all_algorithms_of_its_key(serve, tmp_path, pairs, others, kind):
    pair, other = pairs[kind], others[kind]
    file = tmp_path / "issuer.pem"
    file.write_text(pair.pem)
    host = guarded(serve, "public_key: issuer.pem")

    def tokens(of):
        return [token_by(library, of, algorithm) for library in LIBRARIES for algorithm in of.algorithms]

    assert [status(host, token) for token in tokens(pair)] == [200] * len(tokens(pair))
    foreign = [token for name in KINDS if name != kind for token in tokens(pairs[name])] + tokens(other)
    assert {status(host, token) for token in foreign} == {401}
    # In the same file, a certificate of another key, with its chain behind it.
    file.write_text("Certificate of the issuer:\n" + other.certificate() + pair.certificate())
    host.process.send_signal(signal.SIGHUP)
    wait_until(lambda: status(host, tokens(other)[0]) == 200, "the certificate's key to be taken")
    assert {status(host, token) for token in tokens(other)} == {200}
    assert {status(host, token) for token in tokens(pair)} == {401}


def test_rsa_in_its_own_form_is_read(serve, tmp_path, pairs):
    (tmp_path / "issuer.pem").write_bytes(pairs["RSA"].public.public_bytes(Encoding.PEM, PublicFormat.PKCS1))
    host = guarded(serve, "public_key: issuer.pem")
    assert [status(host, by_pyjwt(pairs["RSA"], name)) for name in pairs["RSA"].algorithms] == [200] * 4


@pytest.mark.parametrize("publisher", LIBRARIES)
def test_a_key_set_checks_what_its_keys_are_for(serve, tmp_path, pairs, others, publisher):
    named = [pair.jwk(publisher, kid=name, alg=name, use="sig") for pair in pairs.values() for name in pair.algorithms]
    (tmp_path / "keys.json").write_text(json.dumps({"keys": named + [pair.jwk(publisher) for pair in others.values()]}))
    host = guarded(serve, "jwks: keys.json")
    for library in LIBRARIES:
        for pair in pairs.values():
            for algorithm in pair.algorithms:
                for name in pair.algorithms:
                    # The issuer has said which algorithm this key is for.
                    expected = 200 if name == algorithm else 401
                    assert status(host, token_by(library, pair, algorithm, kid=name)) == expected, (algorithm, name)
        for pair in others.values():
            assert {status(host, token_by(library, pair, algorithm)) for algorithm in pair.algorithms} == {200}


def other_algorithms(pairs):
    """What the same keys, or longer ones, could sign by."""
    yield by_pyjwt(pairs["RSA"], "PS384")
    yield by_pyjwt(pairs["RSA"], "PS512")
    yield by_pyjwt(ec.generate_private_key(ec.SECP521R1()), "ES512")
    yield by_pyjwt(ec.generate_private_key(ec.SECP256K1()), "ES256K")


# The orders of the groups.
ORDERS = {"ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
          "ES384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973}


def broken(token, algorithm):
    """What becomes of a good token by small changes."""
    head, body, mark = token.split(".")
    signature = decoded(mark)
    for number, part in enumerate((head, body, mark)):
        for place in (0, 1, len(part) // 2, len(part) - 2, len(part) - 1):
            for bit in (1, 2):
                alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                changed = part[:place] + alphabet[alphabet.index(part[place]) ^ bit] + part[place + 1:]
                parts = token.split(".")
                parts[number] = changed
                yield f"bit {bit} at {place} of part {number}", ".".join(parts)

    def signed(name, value):
        return name, f"{head}.{body}.{encoded(value)}"

    for count in (0, 1, len(signature) // 2, len(signature) - 1):
        yield signed(f"its first {count} bytes", signature[:count])
        yield signed(f"its last {count} bytes", signature[len(signature) - count:])
    yield signed("a byte behind", signature + b"\0")
    yield signed("a byte in front", b"\0" + signature)
    yield signed("twice", signature * 2)
    yield signed("zeros", bytes(len(signature)))
    yield signed("ones", b"\xff" * len(signature))
    for name, text in {"a sign behind": f"{token}=", "two signs behind": f"{token}==", "a line end": f"{token[:-9]}%0A{token[-9:]}",
                       "another alphabet": f"{head}.{body}.{mark[:9]}+{mark[10:]}", "a sign in the header": f"{head}=.{body}.{mark}",
                       "four parts": f"{token}.", "a part in front": f".{token}", "two parts": f"{head}.{body}", "one part": head,
                       "no header": f".{body}.{mark}", "no claims": f"{head}..{mark}", "five parts": f"{token}.{head}.{body}",
                       "a whole object": json.dumps({"payload": body, "protected": head, "signature": mark})}.items():
        yield name, text
    if algorithm in ORDERS:
        size, order = len(signature) // 2, ORDERS[algorithm]
        r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
        for name, first, second in (("r is 0", 0, s), ("s is 0", r, 0), ("both are 0", 0, 0), ("r is n", order, s), ("s is n", r, order),
                                    ("both are n", order, order), ("changed places", s, r), ("one", 1, 1)):
            yield signed(name, first.to_bytes(size, "big") + second.to_bytes(size, "big"))
        yield signed("DER", encode_dss_signature(r, s))
    content = json.loads(decoded(head))
    others = [{"alg": "none"}, {"alg": "None"}, {"alg": "nOnE"}, {"alg": None}, {"alg": algorithm.lower()}, {"alg": [algorithm]}]
    for other in others:
        changed = encoded(json.dumps({**content, **other}).encode())
        yield f"{other}, and its signature", f"{changed}.{body}.{mark}"
        yield f"{other}, and no signature", f"{changed}.{body}."


# What a reader must know, and none does here (RFC 7515 section 4.1.11).
EXTENSIONS = [{"crit": ["exp"], "exp": 1}, {"crit": None}, {"crit": ["x"], "x": 1}, {"crit": []}, {"crit": ["b64"]}, {"crit": {}}]


def misused(key, head, body):
    """A public key as the secret of a code, in each of its forms."""
    forms = [key.pem.encode(), key.pem.strip().encode(), key.form(), json.dumps(key.jwk("PyJWT")).encode(), b""]
    for form in forms:
        for algorithm in CODES:
            for name in (algorithm, *key.algorithms):
                text = f"{encoded(json.dumps({**head, 'alg': name}).encode())}.{body}"
                yield f"{text}.{encoded(code(form, text, algorithm))}"


def test_what_only_looks_like_a_token_lets_nobody_in(serve, tmp_path, pairs):
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [pair.jwk("PyJWT") for pair in pairs.values()]}))
    host = guarded(serve, "jwks: keys.json")
    refused = 0
    for pair in pairs.values():
        for algorithm in pair.algorithms:
            good = by_pyjwt(pair, algorithm)
            for name, token in broken(good, algorithm):
                assert status(host, token) == 401, (algorithm, name)
                refused += 1
            for header in EXTENSIONS:
                assert status(host, by_pyjwt(pair, algorithm, **header)) == 401, (algorithm, header)
            assert status(host, good) == 200
        head, body, _ = good.split(".")
        for token in misused(pair, json.loads(decoded(head)), body):
            assert status(host, token) == 401
    for token in other_algorithms(pairs):
        assert status(host, token) == 401
    assert refused > 400
    # The signature is right, and so is its length, but not the salt that PS256 has.
    text = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "PS256"}, claims()))
    for count in (0, 20, 64):
        salted = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=count)
        assert status(host, f"{text}.{encoded(pairs['RSA'].private.sign(text.encode(), salted, hashes.SHA256()))}") == 401
    assert not [line for line in host.log if "fault" in line.lower()]


@pytest.mark.parametrize("algorithm", CODES)
def test_what_only_looks_like_a_token_of_a_secret_lets_nobody_in(serve, algorithm):
    host = guarded(serve, f"secret: '{SECRET}'")
    good = by_pyjwt(SECRET, algorithm)
    for name, token in broken(good, algorithm):
        assert status(host, token) == 401, name
    for header in EXTENSIONS:
        assert status(host, by_pyjwt(SECRET, algorithm, **header)) == 401, header
    head, body, mark = good.split(".")
    for other in CODES:
        if other != algorithm:
            changed = encoded(json.dumps({"alg": other}).encode())
            assert status(host, f"{changed}.{body}.{mark}") == 401
            text = f"{head}.{body}"
            assert status(host, f"{text}.{encoded(code(SECRET.encode(), text, other))}") == 401
    assert status(host, good) == 200


@pytest.mark.parametrize("form", ["public key", "certificate", "private key"])
def test_a_key_in_pem_is_refused_as_a_secret(run, tmp_path, pairs, form):
    """Everybody has the public key, and could sign with it."""
    pair = pairs["P-256"]
    key = {"public key": pair.pem, "certificate": pair.certificate(), "private key": pair.signing.decode()}[form]
    (tmp_path / "key.pem").write_text(key)
    (tmp_path / "p.yaml").write_text(f"pipeline: p\nhost:\n  auth: {{jwt: {{secret: {{file: key.pem}}}}}}\n{FLOW}")
    for command in (["check", tmp_path / "p.yaml"], ["serve", tmp_path / "p.yaml", "--port", "0"]):
        done = run(*command)
        assert done.returncode == 1 and ":3:24: error: 'secret'" in done.stderr and "'public_key'" in done.stderr, done.stderr
        assert key.splitlines()[1] not in done.stderr


def unusable():
    yield "RSA of 1024 bits", rsa.generate_private_key(65537, 1024)
    yield "P-521", ec.generate_private_key(ec.SECP521R1())
    yield "secp256k1", ec.generate_private_key(ec.SECP256K1())


def test_a_key_that_is_weak_or_of_another_kind_is_an_error_of_the_file(run, tmp_path):
    for name, private in unusable():
        public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / "key.pem").write_bytes(public)
        (tmp_path / "p.yaml").write_text(f"pipeline: p\nhost:\n  auth: {{jwt: {{public_key: key.pem}}}}\n{FLOW}")
        done = run("check", tmp_path / "p.yaml")
        assert done.returncode == 1 and ":3:28: error: 'key.pem' has no public key" in done.stderr, (name, done.stderr)
