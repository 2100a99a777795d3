"""Personal fields open for their subject, event and field alone."""

import base64
import os
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from events.runtime.encryption import FileKeyWrapper, Keyring, UnreadableKey, UnusableKey, read_key, seal, unseal
from events.testing.counters import Database


def test_a_sealed_field_opens_with_its_key_in_its_event_and_under_its_name_only():
    key, event = os.urandom(32), uuid4()
    sealed = seal(key, b"secret", event, "note")
    assert unseal(key, sealed, event, "note") == b"secret"
    assert b"secret" not in base64.b64decode(sealed.removeprefix("sealed:1:"))
    for other in ((os.urandom(32), event, "note"), (key, uuid4(), "note"), (key, event, "name")):
        with pytest.raises(UnreadableKey):
            unseal(other[0], sealed, other[1], other[2])


def test_a_sealed_field_that_was_changed_does_not_open():
    key, event = os.urandom(32), uuid4()
    raw = bytearray(base64.b64decode(seal(key, b"secret", event, "note").removeprefix("sealed:1:")))
    for place in range(len(raw)):
        changed = raw.copy()
        changed[place] ^= 1
        with pytest.raises(UnreadableKey):
            unseal(key, "sealed:1:" + base64.b64encode(changed).decode(), event, "note")


def test_the_same_text_is_sealed_differently_each_time():
    key, event = os.urandom(32), uuid4()
    assert len({seal(key, b"secret", event, "note") for _ in range(50)}) == 50


async def test_a_key_that_was_moved_to_another_subject_does_not_open(database: Database):
    keys = Keyring(database.pool, FileKeyWrapper(os.urandom(32)))
    mine, yours = uuid4(), uuid4()
    made = await keys.ensure([mine, yours])
    assert made[mine] != made[yours]
    async with database.pool.begin() as conn:
        swap = (
            "update subject_keys set wrapped = (select wrapped from subject_keys where subject = :b) where subject = :a"
        )
        await conn.execute(text(swap), {"a": mine, "b": yours})
    with pytest.raises(UnreadableKey):
        await keys.keys([mine])


async def test_another_key_encryption_key_opens_nothing(database: Database):
    subject = uuid4()
    await Keyring(database.pool, FileKeyWrapper(os.urandom(32))).ensure([subject])
    with pytest.raises(UnreadableKey):
        await Keyring(database.pool, FileKeyWrapper(os.urandom(32))).keys([subject])


async def test_two_who_make_a_subjects_key_at_once_get_the_same(database: Database):
    wrapper, subjects = FileKeyWrapper(os.urandom(32)), [uuid4() for _ in range(50)]
    one, other = Keyring(database.pool, wrapper), Keyring(database.pool, wrapper)
    first, second = await one.ensure(subjects), await other.ensure(reversed(subjects))
    assert first == second == await one.keys(subjects)


@pytest.mark.parametrize("content", [None, "", "not base64!", base64.b64encode(b"short").decode()])
def test_a_file_that_holds_no_key_is_named_and_not_quoted(tmp_path: Path, content: str | None):
    file = tmp_path / "kek"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UnusableKey, match="kek") as refused:
        read_key(file)
    assert not content or content not in str(refused.value)
