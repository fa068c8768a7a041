"""An issuer of tokens as there are many: it signs with PyJWT and publishes its keys at an address."""

import http.server
import json
import ssl
import threading
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm


class Key:
    """A key to sign with, and how it is published."""

    def __init__(self, kid=None, algorithm="RS256", **more):
        self.algorithm = algorithm
        if algorithm == "RS256":
            self.private = rsa.generate_private_key(65537, 2048)
            public = RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        elif algorithm == "ES256":
            self.private = ec.generate_private_key(ec.SECP256R1())
            public = ECAlgorithm(ECAlgorithm.SHA256).to_jwk(self.private.public_key(), as_dict=True)
        else:
            self.private = ed25519.Ed25519PrivateKey.generate()
            public = OKPAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        public.pop("key_ops", None)
        self.kid = kid
        self.jwk = {**public, **({"kid": kid} if kid else {}), **more}

    def token(self, seconds=60, algorithm=None, headers=None, **claims):
        """A token as an issuer makes it; `headers` come in place of its `kid`."""
        if headers is None:
            headers = {"kid": self.kid} if self.kid else {}
        claims = {"sub": "user-7", "exp": int(time.time()) + seconds, **claims}
        return jwt.encode(claims, self.private, algorithm=algorithm or self.algorithm, headers=headers)


class Issuer:
    """Answers at `/keys` with what `document` is; `act`, where it is set, answers in its place. `asked` has the paths."""

    def __init__(self, *keys, port=0, context=None, headers=None):
        self.publish(*keys)
        self.headers = headers or {}
        self.act = None
        self.asked = []
        self.came = threading.Semaphore(0)
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                issuer.asked.append(self.path)
                issuer.came.release()
                if issuer.act:
                    issuer.act(self)
                else:
                    answer(self, issuer.document, headers=issuer.headers)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        # A host that hangs up is no news.
        self.server.handle_error = lambda *arguments: None
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.address = f"http{'s' if context else ''}://{'localhost' if context else '127.0.0.1'}:{self.port}/keys"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def publish(self, *keys):
        self.document = json.dumps({"keys": [key.jwk if isinstance(key, Key) else key for key in keys]}).encode()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def answer(handler, body, status=200, headers=None):
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def tls(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
