"""An issuer for the measured services: one key, one caller."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import OKPKey

ISSUER, AUDIENCE = "benchmarks", "viceversa"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Where its keys are, and a token that lasts as long as a run."""

    jwks_url: str
    token: str


@contextmanager
def issuer() -> Iterator[Issuer]:
    """Serve a key set over HTTP, as an issuer does."""
    key = OKPKey.generate_key("Ed25519", {"kid": "1", "use": "sig", "alg": "Ed25519"})
    keys = json.dumps({"keys": [key.as_dict(private=False)]}).encode()

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(keys)))
            self.end_headers()
            self.wfile.write(keys)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(uuid4()), "exp": int(time.time()) + 86_400, "roles": []}
    token = jwt.encode({"alg": "Ed25519", "kid": "1"}, claims, key, algorithms=["Ed25519"])
    try:
        yield Issuer(f"http://127.0.0.1:{server.server_address[1]}/", token)
    finally:
        server.shutdown()
