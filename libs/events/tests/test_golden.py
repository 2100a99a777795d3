"""The keeper of stored versions notices every way in which a promise about them can be broken."""

from typing import Annotated, ClassVar
from uuid import UUID

import pytest

from events.runtime.private_events import Event, Former, Personal
from events.testing.golden import Broken, Goldens


class First(Event):
    type: ClassVar[str] = "Named"
    person: UUID
    name: Annotated[str | None, Personal("person")] = None


class Reshaped(Event):
    """Another shape, and the same version."""

    type: ClassVar[str] = "Named"
    person: UUID
    name: Annotated[str | None, Personal("person")] = None
    number: int = 0


@pytest.fixture
def kept(tmp_path) -> Goldens:
    goldens = Goldens(tmp_path / "golden", (First,))
    assert goldens.write() == ["Named.v1"]
    return goldens


def with_second(kept: Goldens, upcast, personal) -> Goldens:
    class Second(Event):
        type: ClassVar[str] = "Named"
        schema_version: ClassVar[int] = 2
        former: ClassVar[tuple[Former, ...]] = (Former(upcast, personal),)
        subject: UUID
        surname: Annotated[str | None, Personal("subject")] = None

    return Goldens(kept.folder, (Second,))


def renamed(data):
    return {"subject": data["person"], "surname": data["name"]}


def test_what_is_kept_holds(kept):
    kept.check()
    kept.check_shape(First)
    assert kept.check_read("Named.v1").name == "text"
    assert kept.write() == []


def test_a_new_version_beside_the_former_holds_once_its_golden_is_written(kept):
    goldens = with_second(kept, renamed, {"name": "person"})
    with pytest.raises(Broken, match=r"no golden of Named\.v2"):
        goldens.check()
    assert goldens.write() == ["Named.v2"]
    goldens.check()
    assert [goldens.check_read(name).surname for name in goldens.names] == ["text", "text"]


def test_a_golden_that_was_deleted_is_missed(kept):
    (kept.folder / "Named.v1.json").unlink()
    with pytest.raises(Broken, match=r"no golden of Named\.v1"):
        kept.check()


def test_a_golden_that_was_changed_is_noticed(kept):
    file = kept.folder / "Named.v1.json"
    file.write_text(file.read_text().replace('"text"', '"other"'))
    with pytest.raises(Broken, match=r"Named\.v1 was changed"):
        kept.check()


def test_a_golden_of_an_event_that_code_no_longer_knows_is_noticed(kept):
    with pytest.raises(Broken, match=r"Named\.v1 is kept"):
        Goldens(kept.folder, ()).check()


def test_another_shape_needs_another_version(kept):
    with pytest.raises(Broken, match="schema_version"):
        Goldens(kept.folder, (Reshaped,)).check_shape(Reshaped)


def test_a_former_version_that_no_longer_reads_is_noticed(kept):
    with pytest.raises(ValueError, match="surname"):
        with_second(kept, lambda data: {"subject": data["person"], "surname": 7}, {"name": "person"}).check_read(
            "Named.v1"
        )


def test_a_former_version_that_forgets_what_was_sealed_is_noticed(kept):
    with pytest.raises(Broken, match="nobody can open it"):
        with_second(kept, renamed, {}).check_read("Named.v1")


def test_an_upcaster_that_makes_a_value_of_what_was_erased_is_noticed(kept):
    goldens = with_second(
        kept, lambda data: {"subject": data["person"], "surname": data["name"] or "nobody"}, {"name": "person"}
    )
    with pytest.raises(Broken, match="although the key is destroyed"):
        goldens.check_read("Named.v1")
