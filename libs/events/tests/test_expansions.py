"""What a migration may not do while the release before it runs is found in its SQL."""

from pathlib import Path

import pytest

from events.testing.expansions import objections

HEAD = """
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
"""


@pytest.fixture
def migrating(tmp_path: Path):
    def migrating(*steps: str, before: str = "") -> list[str]:
        versions = tmp_path / "versions"
        versions.mkdir(exist_ok=True)
        body = "".join(f"    {step}\n" for step in steps)
        (versions / "0001_step.py").write_text(f"{HEAD}{before}\n\n\ndef upgrade():\n{body}")
        return objections(tmp_path)

    return migrating


@pytest.mark.parametrize(
    "step",
    [
        'op.create_table("pages", sa.Column("page", sa.Uuid, primary_key=True))',
        'op.add_column("people", sa.Column("note", sa.Text))',
        'op.add_column("people", sa.Column("over", sa.Boolean, nullable=False, server_default=sa.false()))',
        'op.alter_column("people", "note", server_default=sa.text("nextval(\'places\')"))',
        'op.alter_column("people", "note", nullable=True, existing_type=sa.Text)',
        'op.create_index("people_note", "people", ["note"], postgresql_concurrently=True)',
        'op.execute("create view all_people as select * from people")',
    ],
)
def test_what_the_release_before_does_not_notice_is_allowed(migrating, step):
    assert migrating(step) == []


@pytest.mark.parametrize(
    "step",
    [
        'op.drop_column("people", "note")',
        'op.drop_table("people")',
        'op.drop_index("people_note")',
        'op.drop_constraint("people_pkey", "people")',
        'op.rename_table("people", "persons")',
        'op.alter_column("people", "note", new_column_name="remark")',
        'op.alter_column("people", "note", nullable=False)',
        'op.alter_column("people", "note", type_=sa.Integer)',
        'op.add_column("people", sa.Column("must", sa.Text, nullable=False))',
        'op.execute("delete from people")',
    ],
)
def test_what_it_may_still_need_is_taken_away_only_with_the_release_that_needed_it_last(migrating, step):
    (objection,) = migrating(step)
    assert "takes something away" in objection
    assert migrating(step, before='contracts = "0.4.0 was the last to read it"') == []


@pytest.mark.parametrize(
    "step",
    [
        'op.create_index("people_note", "people", ["note"])',
        'op.add_column("people", sa.Column("id", sa.Uuid, server_default=sa.text("gen_random_uuid()")))',
        'op.create_check_constraint("people_note", "people", "note <> \'\'")',
        "op.execute(\"update people set note = ''\")",
    ],
)
def test_what_keeps_everybody_waiting_is_refused(migrating, step):
    assert len(migrating(step)) == 1


def test_a_lock_that_cannot_be_helped_is_told_with_its_reason(migrating):
    step = 'op.create_index("people_note", "people", ["note"])'
    assert migrating(step, before='locks = {"people_note": "a hundred rows in the largest enterprise"}') == []
    step = 'op.execute("update people set note = 1")'
    assert migrating(step, before='locks = {"people": "a hundred rows in the largest enterprise"}') == []


def test_a_table_that_the_migration_makes_itself_is_nobody_elses_yet(migrating):
    table = 'op.create_table("pages", sa.Column("page", sa.Uuid))'
    assert migrating(table, 'op.create_index("pages_page", "pages", ["page"])') == []


def test_a_contraction_that_names_no_release_or_takes_nothing_away_is_found_out(migrating):
    assert len(migrating('op.drop_table("people")', before='contracts = "soon"')) == 1
    harmless = 'op.add_column("people", sa.Column("note", sa.Text))'
    assert len(migrating(harmless, before='contracts = "0.4.0 was the last to read it"')) == 1
