"""An identity provider's word becomes a token of this platform, or a refusal by RFC 8693."""

import base64
import hashlib
import hmac
import json
import stat
import time

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, OKPKey

from enrollment.keys import signing_key
from events.runtime.encryption import UnusableKey, read_key


async def test_a_token_names_an_opaque_subject_and_keeps_the_roles(enrollment):
    given = enrollment.identity_provider.token("e-104", roles=["administrator", "king"])

    answer = await enrollment.exchange(given)

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    keys = (await enrollment.client.get("/.well-known/jwks.json")).json()
    assert "d" not in keys["keys"][0]
    token = jwt.decode(body["access_token"], KeySet.import_key_set(keys), algorithms=["Ed25519"])
    assert token.claims["iss"] == enrollment.settings.token_issuer
    assert token.claims["aud"] == enrollment.settings.token_audience
    assert token.claims["roles"] == ["administrator"]
    assert "e-104" not in json.dumps(token.claims)
    assert 0 < token.claims["exp"] - time.time() <= 3600


async def test_one_person_is_one_subject_however_often_they_sign_in(enrollment):
    first, _ = await enrollment.sign_in("e-104")
    again, _ = await enrollment.sign_in("e-104")
    other, _ = await enrollment.sign_in("e-105")

    assert first == again != other


async def test_a_person_is_the_same_to_the_provider_and_in_a_sign_up_file(enrollment):
    decomposed, _ = await enrollment.sign_in(" Zoe\u0308  7 ")
    composed, _ = await enrollment.sign_in("Zo\u00eb 7")

    assert decomposed == composed


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another-platform"},
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"sub": ""},
        {"sub": 104},
        {"sub": "x" * 101},
    ],
)
async def test_a_token_that_is_stale_or_meant_for_others_is_refused(enrollment, claims):
    answer = await enrollment.exchange(enrollment.identity_provider.token("e-104", **claims))

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"


async def test_a_token_that_the_provider_did_not_sign_is_refused(enrollment):
    stranger = OKPKey.generate_key("Ed25519")
    public = enrollment.identity_provider.key.as_dict(private=False)["x"]
    symmetric = OctKey.import_key({"kty": "oct", "k": public})
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=") + ".e30."

    for token in (
        enrollment.identity_provider.token("e-104", key=stranger),
        enrollment.identity_provider.token("e-104", key=symmetric, alg="HS256"),
        unsigned,
        "no token",
        "x" * 9_000,
    ):
        answer = await enrollment.exchange(token)
        assert answer.status_code == 400, token
        assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"subject_token": ""}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
    ],
)
async def test_a_form_that_is_no_token_exchange_is_refused(enrollment, form, error):
    answer = await enrollment.exchange(enrollment.identity_provider.token("e-104"), **form)

    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert answer.json()["error_description"]


async def test_an_external_id_stands_nowhere_in_clear(enrollment):
    subject, _ = await enrollment.sign_in("e-104")

    async with enrollment.running.service.read_pool.connect() as conn:
        rows = (await conn.exec_driver_sql("select blind_index, subject from identities")).all()
    key = read_key(enrollment.settings.blind_index_key_file)
    assert [tuple(row) for row in rows] == [(hmac.digest(key, b"e-104", hashlib.sha256), subject)]


def test_a_signing_key_is_made_once_and_is_its_owners_alone(tmp_path):
    path = tmp_path / "keys" / "signing.jwk"

    made = signing_key(path, make=True)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert signing_key(path, make=True).kid == made.kid == made.thumbprint()


def test_a_key_of_another_maker_that_calls_itself_eddsa_signs_too(tmp_path):
    path = tmp_path / "signing.jwk"
    path.write_text(json.dumps(OKPKey.generate_key("Ed25519", {"alg": "EdDSA"}).as_dict(private=True)))

    key = signing_key(path, make=False)

    assert jwt.encode({"alg": "Ed25519"}, {"sub": "x"}, key, algorithms=["Ed25519"])


def key_that_signs_nothing():
    return json.dumps(OKPKey.generate_key("X25519").as_dict(private=True))


@pytest.mark.parametrize(
    "text",
    [None, "", "{}", '{"kty":"oct","k":"AAAA"}', key_that_signs_nothing()],
    ids=["absent", "empty", "no key", "symmetric", "for key exchange"],
)
def test_a_signing_key_that_is_none_is_named_and_not_shown(tmp_path, text):
    path = tmp_path / "signing.jwk"
    if text is not None:
        path.write_text(text)

    with pytest.raises(UnusableKey, match=r"signing\.jwk"):
        signing_key(path, make=False)
