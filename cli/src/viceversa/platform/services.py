"""The services of the platform, and the environment that each of them is given."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from viceversa.platform.keys import Keys
from viceversa.platform.spawning import PYTHON

# The order is that of the table people see. Every service migrates its own database when it starts.
SERVICES: Mapping[str, Sequence[str]] = {
    name: (*PYTHON, f"{name}.main") for name in ("enrollment", "matching", "sessions", "feedback")
}


def service_environment(
    name: str,
    *,
    urls: Mapping[str, str],
    identity_provider: str,
    database: str,
    kafka: str,
    redis: str,
    log_epoch: str,
    spans: Path,
    keys: Keys,
) -> dict[str, str]:
    """Environment of one service on one machine: every role in one process, and a clock that can be turned."""
    port = urls[name].rpartition(":")[2]
    environment = {
        "ENVIRONMENT": "local",
        "CELL": "local",
        "HOST": "127.0.0.1",
        "PORT": port,
        "ROLES": "api,relay,consumer,projector",
        "CLOCK_TURNABLE": "true",
        "DATABASE_URL": database,
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "LOG_EPOCH": log_epoch,
        "REDIS_URL": redis,
        "SPANS_FILE": str(spans),
        "KEY_ENCRYPTION_KEY_FILE": str(keys.key_encryption(name)),
        "TOKEN_ISSUER": urls.get("enrollment", identity_provider),
        "TOKEN_AUDIENCE": "viceversa",
        "TOKEN_JWKS_URL": f"{urls.get('enrollment', identity_provider)}/.well-known/jwks.json",
        "PYTHONUNBUFFERED": "1",
        # Services fetch keys from one another on this machine, never through a proxy.
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    if name == "enrollment":
        environment |= {
            "TOKEN_SIGNING_KEY_FILE": str(keys.token_signing()),
            "BLIND_INDEX_KEY_FILE": str(keys.blind_index()),
            "IDENTITY_PROVIDER_ISSUER": identity_provider,
            "IDENTITY_PROVIDER_JWKS_URL": f"{identity_provider}/.well-known/jwks.json",
        }
    if name in ("enrollment", "matching"):
        environment["TRANSPORT_KEY_FILE"] = str(keys.transport())
    return environment
