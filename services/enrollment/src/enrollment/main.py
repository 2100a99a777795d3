"""Wires enrollment: `python -m enrollment.main` runs it."""

from functools import partial
from pathlib import Path

from enrollment import api, domain
from enrollment.identities import blind_index
from enrollment.keys import signing_key
from enrollment.projections import FROM_STORE, FROM_TOPICS
from enrollment.publish import PUBLICATIONS
from enrollment.settings import Settings
from enrollment.tokens import IdentityProvider, TokenIssuer
from enrollment.transport import sealer
from events.runtime.encryption import read_key
from events.runtime.http.authentication import JwksUrl
from events.runtime.private_events import EventTypes
from events.runtime.process import serve
from events.runtime.service import ServiceDefinition


def definition(settings: Settings) -> ServiceDefinition:
    """The service over these settings. Raises UnusableKey."""
    key = signing_key(settings.token_signing_key_file, make=settings.environment == "local")
    routes = partial(
        api.routes,
        blind=blind_index(read_key(settings.blind_index_key_file)),
        seal=sealer(read_key(settings.transport_key_file)),
        provider=IdentityProvider(
            JwksUrl(settings.identity_provider_jwks_url), settings.identity_provider_issuer, settings.token_audience
        ),
        issuer=TokenIssuer(key, settings.token_issuer, settings.token_audience),
    )
    return ServiceDefinition(
        name="enrollment",
        events=EventTypes(domain.EVENTS),
        publications=PUBLICATIONS,
        reactions={},
        store_projections=FROM_STORE,
        topic_projections=FROM_TOPICS,
        routes=routes,
        migrations=Path(__file__).parent / "migrations",
    )


def main() -> None:
    """Entry point."""
    serve(definition, Settings)


if __name__ == "__main__":
    main()
