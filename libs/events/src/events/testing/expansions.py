"""What a migration may do while the release before it goes on serving, held against the SQL that it runs.

A migration expands: it makes tables, columns that may be empty or have a constant default, and indexes. A contracting
one takes something away, and names the release that was the last to need it: `contracts = "0.4.0 was the last to read
it"`. A lock that cannot be helped is told with its reason: `locks = {"pages_title": "why it is short"}`.
"""

import importlib.util
import io
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

_MAKES = re.compile(r"create table (?P<table>\S+)", re.IGNORECASE)
_INDEXES = re.compile(
    r"create (unique )?index (?P<quick>concurrently )?(?P<index>\S+) on (?P<table>\S+)", re.IGNORECASE
)
_ALTERS = re.compile(r"alter table (?P<table>\S+) (?P<change>.*)", re.IGNORECASE | re.DOTALL)
_ADDS = re.compile(r"add column (?P<column>\S+) (?P<what>.*)", re.IGNORECASE | re.DOTALL)
_CONTRACTS = re.compile(
    r"\b(drop (column|constraint|table|index|view|schema|type)|rename\b|set not null|type\b|truncate\b|delete from\b)",
    re.IGNORECASE,
)
_HARMLESS = re.compile(r"alter column \S+ (set default|drop default|drop not null)", re.IGNORECASE)
_EXPANDS = re.compile(
    r"create (or replace )?(table|view|function|sequence|type)\b|comment on\b|insert into\b", re.IGNORECASE
)
_UPDATES = re.compile(r"update (only )?(?P<table>\S+)", re.IGNORECASE)
_VOLATILE = re.compile(r"default [^,]*\(|generated\b|\bserial\b", re.IGNORECASE)
_RELEASE = re.compile(r"\b\d+\.\d+\.\d+\b")


def objections(scripts: Path) -> list[str]:
    """What any migration of this folder does that the release before it might not survive."""
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    found = []
    for script in reversed(list(ScriptDirectory.from_config(config).walk_revisions())):
        module = _loaded(Path(script.path))
        found += [f"{Path(script.path).name}: {objection}" for objection in _objections(module)]
    return found


def _loaded(path: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(f"migration_{path.stem}", path)
    if specification is None or specification.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def statements(module: ModuleType) -> Iterator[str]:
    """The SQL of a migration, statement by statement; nothing is run."""
    written = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": written, "transactional_ddl": False}
    )
    with Operations.context(context):
        module.upgrade()
    for statement in re.split(r";\s*(?:\n|$)", written.getvalue()):
        if words := " ".join(statement.split()):
            yield words


def _objections(module: ModuleType) -> Iterator[str]:
    contracts: str = getattr(module, "contracts", "")
    locks: dict[str, str] = getattr(module, "locks", {})
    if contracts and not _RELEASE.search(contracts):
        yield f"contracts = {contracts!r} names no release"
    new: set[str] = set()
    contracted = False
    for statement in statements(module):
        if made := _MAKES.match(statement):
            new.add(made["table"])
        if _is_contraction(statement, new):
            contracted = True
            if not contracts:
                yield f"takes something away and names no release that was the last to need it: {statement}"
        elif objection := _lock(statement, new, locks):
            yield f"{objection}: {statement}"
    if contracts and not contracted:
        yield "says that it contracts, and takes nothing away"


def _is_contraction(statement: str, new: set[str]) -> bool:
    altered = _ALTERS.match(statement)
    if altered and altered["table"] in new:
        return False
    if altered and _ADDS.match(altered["change"]):
        # The release before writes rows without it.
        what = _ADDS.match(altered["change"])
        return what is not None and "not null" in what["what"].lower() and "default" not in what["what"].lower()
    return bool(_CONTRACTS.search(statement)) and not _HARMLESS.search(statement) and not _MAKES.match(statement)


def _lock(statement: str, new: set[str], locks: dict[str, str]) -> str | None:
    """Why others wait for as long as this takes; None where it takes no time, or is nobody's yet, or has its reason."""
    if index := _INDEXES.match(statement):
        excused = index["quick"] or index["table"] in new or locks.get(index["index"])
        return None if excused else "locks its table while the index is built; CONCURRENTLY does not"
    if updated := _UPDATES.match(statement):
        return None if locks.get(updated["table"]) else "keeps the rows that it writes from others"
    altered = _ALTERS.match(statement)
    if altered is None:
        return None if _EXPANDS.match(statement) else "is nothing that an expansion is known to do"
    if altered["table"] in new or locks.get(altered["table"]) or _HARMLESS.search(altered["change"]):
        return None
    added = _ADDS.match(altered["change"])
    if added is None:
        return "looks at every row while nobody may write"
    return "writes every row anew while nobody may read" if _VOLATILE.search(added["what"]) else None
