"""Tables of the projection. A member's row may be half known: its events arrive on two topics, in any order."""

from typing import Any

from sqlalchemy import ARRAY, Boolean, Column, Index, MetaData, PrimaryKeyConstraint, Table, Text, Uuid, true

metadata = MetaData()

members = Table(
    "members",
    metadata,
    Column("participant", Uuid, primary_key=True),
    Column("program", Uuid, nullable=False),
    Column("subject", Uuid),
    Column("region", Text),
    Column("role", Text),
    Column("active", Boolean, nullable=False, server_default=true()),
    Index("members_subject", "subject"),
)

coordinators = Table(
    "coordinators",
    metadata,
    Column("program", Uuid, nullable=False),
    Column("subject", Uuid, nullable=False),
    Column("regions", ARRAY(Text), nullable=False),
    PrimaryKeyConstraint("program", "subject", name="coordinators_pkey"),
)


def create_tables(op: Any) -> None:  # noqa: ANN401 - alembic's operations are a dynamic proxy
    """For the first migration of a service that uses this projection: the tables as they were then, never changed."""
    op.create_table(
        "members",
        Column("participant", Uuid, primary_key=True),
        Column("program", Uuid, nullable=False),
        Column("subject", Uuid),
        Column("region", Text),
        Column("role", Text),
        Column("active", Boolean, nullable=False, server_default=true()),
    )
    op.create_index("members_subject", "members", ["subject"])
    op.create_table(
        "coordinators",
        Column("program", Uuid, nullable=False),
        Column("subject", Uuid, nullable=False),
        Column("regions", ARRAY(Text), nullable=False),
        PrimaryKeyConstraint("program", "subject", name="coordinators_pkey"),
    )
