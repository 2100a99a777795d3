"""Enrollment's settings beside those of every service. From the environment, names in capitals."""

from pathlib import Path

from events.runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    """Keys, and the identity provider whose word counts."""

    token_signing_key_file: Path
    """Private JWK (Ed25519). Made at the first start when it is absent and the environment is local."""
    identity_provider_issuer: str
    identity_provider_jwks_url: str
    blind_index_key_file: Path
    transport_key_file: Path
