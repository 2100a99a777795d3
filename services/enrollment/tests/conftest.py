"""Enrollment over a real PostgreSQL, an identity provider beside it, and a program to sign up for."""

import base64
import csv
import io
import json
import os
import threading
import time
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from enrollment.main import definition
from enrollment.settings import Settings
from enrollment.signup_file import COLUMNS
from events.testing.service import RunningService, running, settings_for

PROVIDER = "https://identity.example"
PROGRAM = {
    "name": "Reverse mentoring",
    "regions": ["EMEA", "Americas"],
    "starts_on": "2027-01-11",
    "ends_on": "2027-09-30",
    "grade_ladder": ["Associate", "Senior", "Director", "Vice President", "Executive"],
    "dividing_grade": 3,
}
ROW = {
    "external_id": "e-104",
    "given_name": "Ada",
    "family_name": "Byron",
    "email": "ada@example.com",
    "role": "auto",
    "grade": "1",
    "unit": "Data",
    "location": "Berlin",
    "country": "Germany",
    "region": "EMEA",
    "time_zone": "Europe/Berlin",
    "working_hours": "09:00-17:30",
    "languages": "de;en",
    "manager_id": "",
    "capacity": "1",
    "offers": "tiktok:5;data analysis:3",
    "seeks": "strategy",
    "identity": "",
    "identity_wish": "",
}


def file_of(*rows: Mapping[str, str]) -> bytes:
    """A sign-up file; what a row leaves out is as in ROW."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows([(ROW | dict(row))[column] for column in COLUMNS] for row in rows)
    return out.getvalue().encode()


@dataclass
class IdentityProvider:
    """Signs what a test wants, and publishes its key."""

    key: OKPKey
    jwks_url: str

    def token(self, external_id: Any, *, key: OKPKey | None = None, alg: str = "EdDSA", **claims: Any) -> str:
        said = {"iss": PROVIDER, "aud": "test", "sub": external_id, "exp": int(time.time()) + 600} | claims
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return jwt.encode({"alg": alg, "kid": self.key.kid}, said, key or self.key, algorithms=[alg])


@pytest.fixture(scope="session")
def identity_provider() -> Iterator[IdentityProvider]:
    key = OKPKey.generate_key("Ed25519", {"use": "sig"}, auto_kid=True)
    published = json.dumps({"keys": [key.as_dict(private=False)]}).encode()

    class Jwks(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(published)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Jwks)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield IdentityProvider(key, f"http://127.0.0.1:{server.server_port}/jwks")
    server.shutdown()
    server.server_close()


@dataclass
class Enrollment:
    """The service and an administrator at its API."""

    running: RunningService
    identity_provider: IdentityProvider
    settings: Settings
    administrator: dict[str, str]

    row = ROW
    file_of = staticmethod(file_of)

    @property
    def client(self) -> httpx.AsyncClient:
        return self.running.client

    async def sign_in(self, external_id: str, *roles: str) -> tuple[UUID, dict[str, str]]:
        """Subject and authorization header of somebody whom the identity provider knows."""
        answer = await self.exchange(self.identity_provider.token(external_id, roles=list(roles)))
        assert answer.status_code == 200, answer.text
        body = answer.json()["access_token"].split(".")[1]
        subject = UUID(json.loads(base64.urlsafe_b64decode(body + "=="))["sub"])
        return subject, self.running.token(subject, roles=roles)

    async def exchange(self, token: str, **form: str) -> httpx.Response:
        given = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": token,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        }
        return await self.client.post("/v1/token", data=given | form)

    async def program(self, **changes: Any) -> str:
        """A program that takes sign-ups."""
        answer = await self.client.post("/v1/programs", json=PROGRAM | changes, headers=self.administrator)
        assert answer.status_code == 201, answer.text
        program = answer.json()["program"]
        headers = self.administrator | {"if-match": answer.headers["etag"]}
        opened = await self.client.post(f"/v1/programs/{program}/open", headers=headers)
        assert opened.status_code == 200, opened.text
        return str(program)

    async def coordinator(self, program: str, external_id: str, *regions: str) -> dict[str, str]:
        """Authorization header of somebody who runs the program in these regions."""
        given = {"external_id": external_id, "regions": list(regions)}
        path = f"/v1/programs/{program}/coordinators"
        answer = await self.client.post(path, json=given, headers=self.administrator)
        assert answer.status_code == 201, answer.text
        return self.running.token(UUID(answer.json()["subject"]))

    async def upload(self, program: str, file: bytes, headers: Mapping[str, str] | None = None) -> httpx.Response:
        headers = dict(headers or self.administrator)
        path = f"/v1/programs/{program}/imports"
        return await self.client.post(path, content=file, headers={"content-type": "text/csv"} | headers)

    async def import_rows(self, program: str, *rows: Mapping[str, str]) -> dict[str, Any]:
        answer = await self.upload(program, file_of(*rows))
        assert answer.status_code == 201, answer.text
        report: dict[str, Any] = answer.json()
        return report

    async def listed(self, program: str, headers: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
        """Everyone on the program's list, by external id."""
        path = f"/v1/programs/{program}/participants"
        answer = await self.client.get(path, headers=dict(headers or self.administrator))
        assert answer.status_code == 200, answer.text
        return {item["external_id"]: item for item in answer.json()["items"]}


def secret(path: Any) -> Any:
    path.write_text(base64.b64encode(os.urandom(32)).decode())
    return path


@pytest.fixture
async def enrollment(database_url, tmp_path, identity_provider) -> AsyncIterator[Enrollment]:
    settings = Settings(
        **settings_for(
            database_url,
            tmp_path,
            token_signing_key_file=tmp_path / "signing.jwk",
            identity_provider_issuer=PROVIDER,
            identity_provider_jwks_url=identity_provider.jwks_url,
            blind_index_key_file=secret(tmp_path / "blind"),
            transport_key_file=secret(tmp_path / "transport"),
        )
    )
    async with running(definition(settings), settings) as service:
        yield Enrollment(service, identity_provider, settings, service.token(roles=["administrator"]))
