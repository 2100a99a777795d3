"""Tables that every event-sourced service has, as the code uses them; `migrations` makes them.

The order in which the log is read is (transaction_id, sequence), below the snapshot's xmin: see `store.read_log`.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import UserDefinedType


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id; an int in Python."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Name of the type in DDL."""
        return "xid8"


metadata = MetaData()

events = Table(
    "events",
    metadata,
    Column("transaction_id", Xid8, server_default=func.pg_current_xact_id(), nullable=False),
    Column("sequence", BigInteger, Identity(always=True), nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("stream_id", Uuid, nullable=False),
    Column("stream_version", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("metadata", JSONB, nullable=False),
    Column("recorded_at", DateTime(timezone=True), server_default=func.clock_timestamp(), nullable=False),
    PrimaryKeyConstraint("transaction_id", "sequence", name="events_pkey"),
    UniqueConstraint("event_id", name="events_event_id_key"),
    UniqueConstraint("stream_id", "stream_version", name="events_stream_key"),
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("transaction_id", Xid8, nullable=False),
    Column("sequence", BigInteger, nullable=False),
)

inbox = Table(
    "inbox",
    metadata,
    Column("consumer", Text, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("transaction_id", Xid8, server_default=func.pg_current_xact_id(), nullable=False),
    Column("sequence", BigInteger, Identity(always=True), nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("payload", JSONB, nullable=False),
    Column("received_at", DateTime(timezone=True), server_default=func.clock_timestamp(), nullable=False),
    PrimaryKeyConstraint("consumer", "event_id", name="inbox_pkey"),
    Index("inbox_log", "consumer", "transaction_id", "sequence"),
)

waiting = Table(
    "waiting",
    metadata,
    Column("consumer", Text, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("position", BigInteger, Identity(always=True), nullable=False),
    Column("key", Uuid, nullable=False),
    Column("cause", Uuid),
    Column("headers", JSONB, nullable=False),
    Column("payload", JSONB, nullable=False),
    Column("since", DateTime(timezone=True), server_default=func.clock_timestamp(), nullable=False),
    PrimaryKeyConstraint("consumer", "event_id", name="waiting_pkey"),
    Index("waiting_key", "consumer", "key", "position"),
    Index("waiting_cause", "consumer", "cause"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("consumer", Text, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("key", Uuid),
    Column("type", Text),
    Column("topic", Text, nullable=False),
    Column("partition", Integer),
    Column("offset", BigInteger),
    Column("headers", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("tries", Integer, server_default=text("1"), nullable=False),
    Column("failed_at", DateTime(timezone=True), server_default=func.clock_timestamp(), nullable=False),
    Column("discarded_at", DateTime(timezone=True)),
    Column("discarded_by", Uuid),
    # One order with what waits: a message that waited keeps its place. None in a letter from before there was one.
    Column("position", BigInteger, server_default=text("nextval('waiting_position_seq')")),
    PrimaryKeyConstraint("consumer", "event_id", name="dead_letters_pkey"),
    Index("dead_letters_key", "consumer", "key", postgresql_where=text("discarded_at is null")),
)

dead_letters.add_is_dependent_on(waiting)

rebuilds = Table(
    "rebuilds",
    metadata,
    Column("projection", Text, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("requested_by", Uuid, nullable=False),
    Column("requested_at", DateTime(timezone=True), server_default=func.clock_timestamp(), nullable=False),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    Column("phase", Text, nullable=False),
    Column("events_done", BigInteger, server_default=text("0"), nullable=False),
    Column("events_total", BigInteger, server_default=text("0"), nullable=False),
    Column("failure", Text),
    Column("differences", JSONB),
)

subject_keys = Table(
    "subject_keys",
    metadata,
    Column("subject", Uuid, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("wrapped_with", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), server_default=func.clock_timestamp(), nullable=False),
)

idempotent_requests = Table(
    "idempotent_requests",
    metadata,
    Column("subject", Uuid, nullable=False),
    Column("route", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("answer", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), server_default=func.clock_timestamp(), nullable=False),
    PrimaryKeyConstraint("subject", "route", "key", name="idempotent_requests_pkey"),
)

clock = Table(
    "clock",
    metadata,
    Column("name", Text, primary_key=True),
    Column("ahead", Interval, nullable=False),
)
