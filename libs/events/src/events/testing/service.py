"""A service's API in this process, over its real database, for callers that a test invents."""

import base64
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from events.contracts.authorization import TABLE
from events.contracts.envelope import Envelope
from events.contracts.registry import PublishedEvent
from events.runtime.consumer import Consumer
from events.runtime.http.application import Health, create_application
from events.runtime.http.authentication import Authenticator
from events.runtime.http.edge import Edge
from events.runtime.messages import Message
from events.runtime.migrations import upgrade
from events.runtime.service import Service, ServiceDefinition
from events.runtime.settings import ServiceSettings
from events.runtime.streams import Command

_ISSUER = "http://issuer.test"
_AUDIENCE = "test"


def settings_for(database_url: str, folder: Path, **more: Any) -> dict[str, Any]:
    """Arguments for a service's settings over a test database; keys are made in `folder`."""
    key = folder / "kek"
    if not key.exists():
        key.write_text(base64.b64encode(os.urandom(32)).decode())
    return {
        "database_url": database_url,
        "key_encryption_key_file": key,
        "token_issuer": _ISSUER,
        "token_audience": _AUDIENCE,
        "token_jwks_url": f"{_ISSUER}/jwks",
        "environment": "local",
        "roles": ("api",),
        "clock_turnable": True,
        **more,
    }


class _OneKey:
    def __init__(self, key: OKPKey) -> None:
        self._keys = KeySet([key])

    async def keys(self, *, fresh: bool = False) -> KeySet:  # noqa: ARG002 - it never changes
        return self._keys


@dataclass(slots=True)
class RunningService:
    """What a test does with a service: call it, deliver events to it, let its projections and due work catch up."""

    service: Service
    client: httpx.AsyncClient
    _key: OKPKey

    def token(self, subject: UUID | None = None, *, roles: Sequence[str] = ()) -> dict[str, str]:
        """Authorization header of a caller."""
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": str(subject or uuid4()),
            "roles": list(roles),
            "exp": int((datetime.now(UTC) + timedelta(hours=1)).timestamp()),
        }
        token = jwt.encode({"alg": "Ed25519", "kid": self._key.kid}, claims, self._key, algorithms=["Ed25519"])
        return {"authorization": f"Bearer {token}"}

    async def execute(self, command: Command) -> None:
        """Carry out a command; refusals are raised."""
        await self.service.commands.execute(command)

    async def deliver(
        self,
        event: PublishedEvent,
        *,
        key: UUID | None = None,
        event_id: UUID | None = None,
        at: datetime | None = None,
        sequence: int = 1,
        correlation: UUID | None = None,
    ) -> UUID:
        """Let every consumer that handles this event apply it, in its transaction with its inbox. Answers its id."""
        envelope = Envelope(
            id=event_id or uuid4(),
            source="/test",
            type=event.type,
            subject=key or uuid4(),
            time=at or self.service.clock.now(),
            sequence=sequence,
            dataschema="",
            correlation=correlation,
            causation=None,
            creation_traceparent=None,
        )
        for consumer in self.service.consumers:
            if type(event) in consumer.effects.handles:
                await _deliver(consumer, envelope, event)
        return envelope.id

    async def settle(self) -> None:
        """Project everything in the store, carry out what is due, and project again."""
        await self._project()
        await self.service.due_worker().once()
        await self._project()

    async def _project(self) -> None:
        for projector in self.service.projectors:
            await projector.catch_up()


async def _deliver(consumer: Consumer, envelope: Envelope, event: PublishedEvent) -> None:
    await consumer.apply([Message.of(envelope, event)])
    while await consumer.release():
        """What was released may be what others wait for."""


@asynccontextmanager
async def running(definition: ServiceDefinition, settings: ServiceSettings) -> AsyncIterator[RunningService]:
    """Migrate the database and serve the API in this process, without broker or background roles."""
    await upgrade(settings.database_url, definition.migrations)
    service = Service(definition, settings)
    key = OKPKey.generate_key("Ed25519", {"kid": "test", "use": "sig"})
    edge = Edge(
        table=TABLE,
        authenticator=Authenticator(_OneKey(key), _ISSUER, _AUDIENCE),
        commands=service.commands,
        codec=service.codec,
        pool=service.read_pool,
        clock=service.clock,
    )
    app = create_application(definition.name, edge, service.routes, Health(service.readiness), lambda: None)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://service.test") as client:
            yield RunningService(service, client, key)
    finally:
        await service.commands.close()
        await service.close()
