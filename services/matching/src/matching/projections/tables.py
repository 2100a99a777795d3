"""The tables."""

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    false,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

candidates = Table(
    "candidates",
    metadata,
    Column("participant", Uuid, primary_key=True),
    Column("program", Uuid, nullable=False),
    Column("role", Text),
    Column("enrolled", Boolean, nullable=False),
    Column("profiled", Boolean, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("places_held", Integer, nullable=False),
    Column("confirmed", Integer, nullable=False),
    Index("candidates_program", "program"),
)
"""Who takes part. `places_held` counts proposals and pairs, `confirmed` the pairs among them."""

rounds = Table(
    "rounds",
    metadata,
    Column("round", Uuid, primary_key=True),
    Column("program", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("published_at", DateTime(timezone=True)),
    Index("rounds_program", "program"),
)

missed = Table(
    "missed",
    metadata,
    Column("round", Uuid, nullable=False),
    Column("participant", Uuid, nullable=False),
    Column("told", Boolean, nullable=False, server_default=false()),
    PrimaryKeyConstraint("round", "participant", name="missed_pkey"),
)
"""Whom a draft leaves out, and whether their own stream knows."""

pairs = Table(
    "pairs",
    metadata,
    Column("pair", Uuid, primary_key=True),
    Column("round", Uuid, nullable=False),
    Column("program", Uuid, nullable=False),
    Column("mentor", Uuid, nullable=False),
    Column("mentee", Uuid, nullable=False),
    Column("mentor_region", Text, nullable=False),
    Column("mentee_region", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("explanation", JSONB),
    Index("pairs_mentor", "mentor"),
    Index("pairs_mentee", "mentee"),
    Index("pairs_program", "program", "pair"),
)
"""Drafted (version 0), proposed and made pairs."""

endings = Table(
    "endings",
    metadata,
    Column("pair", Uuid, primary_key=True),
    Column("due_at", DateTime(timezone=True)),
    Column("ended", Boolean, nullable=False),
)
"""Pairs whose end is due, and whether it was carried out."""

Index("missed_untold", missed.c.round, postgresql_where=~missed.c.told)
Index("pairs_drafted", pairs.c.round, postgresql_where=pairs.c.version == 0)
Index("endings_due", endings.c.due_at, postgresql_where=~endings.c.ended)
