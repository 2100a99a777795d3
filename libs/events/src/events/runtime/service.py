"""A service: what defines it, and its parts, made from settings and wired."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from redis.asyncio import Redis

from events.contracts import envelope
from events.contracts.authorization import TABLE
from events.contracts.routes import followers
from events.runtime import dead_letters, projecting
from events.runtime.brake import CommittedOffsets
from events.runtime.broker import Broker
from events.runtime.clock import Clock, SystemClock, TurnableClock
from events.runtime.codec import Codec
from events.runtime.consumer import Consumer
from events.runtime.consuming import Reactions
from events.runtime.database import create_pool, is_transient
from events.runtime.due import DueWork, DueWorker
from events.runtime.effects import Reactor, TopicProjector
from events.runtime.encryption import FileKeyWrapper, Keyring, read_key
from events.runtime.group_commit import GroupCommit
from events.runtime.hints import Hints
from events.runtime.http.application import Health, create_application
from events.runtime.http.authentication import Authenticator, JwksUrl
from events.runtime.http.dead_letters import dead_letter_routes
from events.runtime.http.edge import Edge
from events.runtime.http.projections import projection_routes
from events.runtime.leadership import Contender
from events.runtime.private_events import EventTypes
from events.runtime.progress import Liveness, WatchedConsumer, WatchedProjector, WatchedRelay
from events.runtime.projecting import Projection, StoreProjection, TopicProjection
from events.runtime.publishing import Publications
from events.runtime.rebuilds import Rebuilder
from events.runtime.relay import Relay
from events.runtime.sending import Sender
from events.runtime.settings import ServiceSettings
from events.runtime.shards import shards
from events.runtime.store import Shard
from events.runtime.store_projector import StoreProjector
from events.runtime.subscription import Subscription


@dataclass(frozen=True, slots=True)
class ServiceDefinition:
    """All that makes a service this service and no other."""

    name: str
    events: EventTypes
    publications: Publications
    routes: Callable[[Edge], APIRouter]
    migrations: Path
    reactions: Reactions
    store_projections: Sequence[StoreProjection] = ()
    topic_projections: Sequence[TopicProjection] = ()
    due: Sequence[DueWork] = ()

    def __post_init__(self) -> None:
        """Raises AmbiguousProjections."""
        projecting.check(self.projections)

    @property
    def projections(self) -> list[Projection]:
        """All of them, whatever they follow."""
        return [*self.store_projections, *self.topic_projections]

    @property
    def consumers(self) -> list[str]:
        """Names of its consumers; the group of each is `<service>.<name>`."""
        reactor = ["reactor"] if self.reactions else []
        return reactor + [projection.name for projection in self.topic_projections]


class Service:
    """The parts of one process, made from a definition and settings, and wired."""

    def __init__(self, definition: ServiceDefinition, settings: ServiceSettings) -> None:
        self.definition = definition
        self.settings = settings
        name = definition.name
        self.write_pool = create_pool(settings.database_url, name=f"{name} write", size=6)
        self.read_pool = create_pool(settings.database_url, name=f"{name} read", size=8)
        # Keys are looked up while a fold holds a connection: from one pool, as many folds at once as it has
        # connections would each wait for another's.
        self.key_pool = create_pool(settings.database_url, name=f"{name} keys", size=2)
        wrapper = FileKeyWrapper(read_key(settings.key_encryption_key_file))
        self.codec = Codec(definition.events, Keyring(self.key_pool, wrapper))
        self.redis = Redis.from_url(settings.redis_url) if settings.redis_url else None
        self.hints = Hints(self.redis, f"{name}:committed")
        self.commands = GroupCommit(self.write_pool, self.codec, self.hints.committed)
        self.clock: Clock = TurnableClock(self.read_pool) if settings.clock_turnable else SystemClock()
        self.consumers = self._consumers()
        self.subscription: Subscription | None = None
        self.relays = self._relays() if "relay" in settings.roles else []
        self.projectors = self._projectors()
        self.broker = Broker(settings.kafka_bootstrap_servers)
        self.liveness = self._liveness()
        self.stopping = False
        self.failed = False
        """A role died: the process ends with status 1, so that whoever runs it starts it again."""

    def application(self) -> FastAPI:
        """The HTTP edge."""
        settings = self.settings
        edge = Edge(
            table=TABLE,
            authenticator=Authenticator(
                JwksUrl(settings.token_jwks_url), settings.token_issuer, settings.token_audience
            ),
            commands=self.commands,
            codec=self.codec,
            pool=self.read_pool,
            clock=self.clock,
        )
        routes = self.routes if "api" in settings.roles else _no_routes
        health = Health(self.readiness, lambda: self.liveness.stands_still)
        return create_application(self.definition.name, edge, routes, health, self.hints.committed)

    def routes(self, edge: Edge) -> APIRouter:
        """The service's own, and those of operators."""
        router = APIRouter()
        router.include_router(self.definition.routes(edge))
        router.include_router(dead_letter_routes(edge, self.consumers))
        router.include_router(projection_routes(edge, self.definition.projections, self.write_pool))
        return router

    def _relays(self) -> list[Relay]:
        """The outbox's readers, one a shard."""
        contender, number = Contender(), self.settings.relay_shards
        return [self._relay(shard, contender) for shard in shards(number)]

    def _relay(self, shard: Shard, contender: Contender) -> Relay:
        settings, name = self.settings, self.definition.name
        sender = Sender(
            bootstrap_servers=settings.kafka_bootstrap_servers,
            codec=self.codec,
            publications=self.definition.publications,
            source=envelope.source(settings.cell, name),
            schema_base=f"{settings.public_url or f'http://{settings.host}:{settings.port}'}/v1/schemas",
        )
        relay = Relay(settings.database_url, sender, self.hints.reader(), shard=shard, contender=contender)
        if settings.log_epoch:
            relay.name = f"relay {settings.log_epoch}"
            relay.brake = CommittedOffsets(settings.kafka_bootstrap_servers, followers(name))
            relay.page = 500 // shard.of  # each one's brake looks every second page
        return relay

    def _liveness(self) -> Liveness:
        settings = self.settings
        consumers = self.consumers if "consumer" in settings.roles else []
        projectors = self.projectors if "projector" in settings.roles else []
        return Liveness(
            settings.database_url,
            f"{self.definition.name} health",
            [
                *(WatchedConsumer(consumer, settings.kafka_bootstrap_servers) for consumer in consumers),
                *(WatchedRelay(relay) for relay in self.relays),
                *(WatchedProjector(projector) for projector in projectors),
            ],
            self.broker.answers,
            settings.stands_still_after_seconds,
        )

    def _projectors(self) -> list[StoreProjector]:
        """Readers of the service's own log."""
        return [
            StoreProjector(self.write_pool, self.codec, projection, self.hints.reader())
            for projection in self.definition.store_projections
        ]

    def rebuilder(self) -> Rebuilder:
        """Carries out operators' wishes to make a projection again."""
        return Rebuilder(self.settings.database_url, self.write_pool, self.codec, self.definition.projections)

    def due_worker(self) -> DueWorker:
        """Whatever the clock makes due."""
        turned = self.clock.turned if isinstance(self.clock, TurnableClock) else None
        return DueWorker(
            self.settings.database_url,
            self.definition.name,
            self.read_pool,
            self.commands,
            self.clock,
            self.definition.due,
            turned,
        )

    async def readiness(self) -> dict[str, Any]:
        """Whether this process can do its work, and which partitions stand still."""
        missing = []
        dead: dict[str, int] = {}
        try:
            async with self.read_pool.connect() as conn:
                dead = await dead_letters.counted(conn)
        except Exception as error:
            if not is_transient(error):
                raise
            missing.append("database")
        if not await self._has_broker():
            missing.append("broker")
        if self.liveness.stands_still:
            missing.append("progress")
        if self.stopping:
            missing.append("stopping")
        return {
            "ready": not missing,
            "missing": missing,
            "roles": list(self.settings.roles),
            "dead_letters": dead,
            "stopped_partitions": [
                {"consumer": consumer.name, "topic": place.topic, "partition": place.partition, "why": why}
                for consumer in self.consumers
                for place, why in consumer.stopped.items()
            ],
        }

    async def close(self) -> None:
        """Let go of connections."""
        await self.write_pool.dispose()
        await self.read_pool.dispose()
        await self.key_pool.dispose()
        if self.redis is not None:
            await self.redis.aclose()

    async def _has_broker(self) -> bool:
        if not {"relay", "consumer"} & set(self.settings.roles):
            return True
        if self.subscription is not None and not self.subscription.started:
            return False
        return await self.broker.answers()

    def _consumers(self) -> list[Consumer]:
        definition = self.definition
        effects: dict[str, Reactor | TopicProjector] = {
            projection.name: TopicProjector(projection) for projection in definition.topic_projections
        }
        if definition.reactions:
            effects["reactor"] = Reactor(self.codec, definition.reactions, self.hints.committed)
        return [
            Consumer(
                name,
                f"{definition.name}.{name}",
                self.write_pool,
                effects[name],
                longest_wait=timedelta(seconds=self.settings.longest_wait_seconds),
                bootstrap_servers=self.settings.kafka_bootstrap_servers,
            )
            for name in definition.consumers
        ]


def _no_routes(_: Edge) -> APIRouter:
    """What a process without the role `api` serves beside its health."""
    return APIRouter()
