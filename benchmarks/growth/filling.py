"""Backlogs that the database writes by itself, so that whoever works them off has held none of it in memory."""

import json
from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.services.contracts import MeterRead
from benchmarks.services.domain import ReadingTaken
from benchmarks.workload import NOTE, READINGS_A_METER, UNIT
from events.contracts import envelope
from events.contracts.envelope import Envelope
from events.runtime.messages import Message

_LOG = text("""
    insert into events (event_id, stream_id, stream_version, type, schema_version, data, metadata)
    select gen_random_uuid(), md5('meter ' || number / :each)::uuid, number % :each + 1, :type, 1,
           cast(:data as jsonb) || jsonb_build_object('reading', number % :each + 1), cast(:metadata as jsonb)
    from generate_series(0, :messages - 1) as number
""")
_WAITING = text("""
    insert into waiting (consumer, event_id, key, headers, payload)
    select :consumer, id, key,
           cast(:headers as jsonb) || jsonb_build_object('ce_id', id::text, 'ce_subject', key::text),
           cast(:payload as jsonb) || jsonb_build_object('meter', key::text, 'reading', number % :each + 1)
    from (select number, gen_random_uuid() as id, md5('meter ' || number / :each)::uuid as key
          from generate_series(0, :messages - 1) as number) as made
""")


async def fill_log(pool: AsyncEngine, messages: int) -> None:
    """Append readings in one transaction, a few a meter."""
    taken = ReadingTaken(reading=1, unit=UNIT, note=NOTE)
    metadata = json.dumps({"at": datetime.now(UTC).isoformat()})
    await _fill(
        pool,
        _LOG,
        messages,
        type=taken.type,
        data=taken.model_dump_json(),
        metadata=metadata,
    )


async def fill_waiting(pool: AsyncEngine, consumer: str, messages: int) -> None:
    """Let readings wait, a few a meter, with nothing to wait for."""
    read = MeterRead(meter=uuid4(), reading=1, unit=UNIT, note=NOTE)
    found = Envelope(
        id=uuid4(),
        source="/viceversa/local/metering",
        type=read.type,
        time=datetime.now(UTC),
        subject=read.meter,
        dataschema="http://127.0.0.1:8000/v1/schemas",
        sequence=1,
        correlation=None,
        causation=None,
        creation_traceparent=None,
    )
    message = Message.of(found, read)
    await _fill(
        pool, _WAITING, messages, consumer=consumer, headers=message.headers, payload=envelope.data(read).decode()
    )


async def _fill(pool: AsyncEngine, statement: object, messages: int, **parameters: object) -> None:
    async with pool.begin() as conn:
        await conn.execute(statement, {"messages": messages, "each": READINGS_A_METER, **parameters})  # type: ignore[call-overload]  # text with parameters of any kind
    async with pool.connect() as conn:
        await conn.execution_options(isolation_level="AUTOCOMMIT")
        # As autovacuum would have, long before there is a backlog of this size.
        await conn.execute(text("vacuum analyze"))
