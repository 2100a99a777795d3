"""The sample identity provider: anyone's token, on one machine only."""

import json

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from viceversa.identity_provider import application, main
from viceversa.platform.keys import Keys

ISSUER = "http://identity.example"


@pytest.fixture
async def provider(tmp_path):
    key = OKPKey.import_key(json.loads(Keys(tmp_path, data_exists=False).identity_provider().read_text()))
    transport = httpx.ASGITransport(application(issuer=ISSUER, audience="viceversa", key=key))
    async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as http:
        yield http


async def test_a_token_can_be_verified_by_the_published_keys_and_says_who_and_what(provider):
    answer = await provider.post("/token", json={"external_id": "e-104", "roles": ["administrator"]})
    keys = KeySet.import_key_set((await provider.get("/.well-known/jwks.json")).json())
    token = jwt.decode(answer.json()["token"], keys, algorithms=["Ed25519"])
    claims = {name: token.claims[name] for name in ("iss", "aud", "sub", "roles")}
    assert claims == {"iss": ISSUER, "aud": "viceversa", "sub": "e-104", "roles": ["administrator"]}
    assert token.claims["exp"] > token.claims["iat"]


async def test_a_person_has_no_roles_unless_asked_for(provider):
    answer = await provider.post("/token", json={"external_id": "e-104"})
    keys = KeySet.import_key_set((await provider.get("/.well-known/jwks.json")).json())
    assert jwt.decode(answer.json()["token"], keys, algorithms=["Ed25519"]).claims["roles"] == []


async def test_the_published_keys_hold_no_private_part(provider):
    (key,) = (await provider.get("/.well-known/jwks.json")).json()["keys"]
    assert "d" not in key
    assert key["kid"]


@pytest.mark.parametrize(
    "person", [{}, {"external_id": ""}, {"external_id": "e-1", "roles": ["king"]}, {"external_id": "e-1", "sub": "e-2"}]
)
async def test_a_request_that_makes_no_sense_is_refused(provider, person):
    assert (await provider.post("/token", json=person)).status_code == 422


def test_it_refuses_to_start_in_production(tmp_path, monkeypatch):
    settings = {
        "ENVIRONMENT": "production",
        "PORT": "0",
        "ISSUER": ISSUER,
        "SIGNING_KEY_FILE": str(Keys(tmp_path, data_exists=False).identity_provider()),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match="production has its own"):
        main()
