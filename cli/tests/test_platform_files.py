"""Ports, keys, the lock and platform.json."""

import re
import socket
import stat

import pytest

from viceversa.platform.description import read_description
from viceversa.platform.folder import SUPERVISOR, DataFolder, FolderLock
from viceversa.platform.keys import Keys
from viceversa.platform.leftovers import Identity
from viceversa.platform.ports import Ports
from viceversa.platform.refusal import PlatformRefused


def test_a_former_port_is_used_again_when_it_is_free():
    port = Ports().choose(None)
    assert Ports().choose(port) == port


def test_a_port_that_somebody_listens_on_is_not_chosen():
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        taken = stranger.getsockname()[1]
        assert Ports().choose(taken) != taken


def test_no_port_is_given_twice():
    ports = Ports()
    port = ports.choose(None)
    assert ports.choose(port) != port


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path):
    first = Keys(tmp_path, data_exists=False).key_encryption("enrollment")
    content = first.read_text()
    assert Keys(tmp_path, data_exists=True).key_encryption("enrollment").read_text() == content
    assert stat.S_IMODE(first.stat().st_mode) == 0o600


def test_two_keys_are_never_the_same(tmp_path):
    keys = Keys(tmp_path, data_exists=False)
    files = [keys.key_encryption("enrollment"), keys.key_encryption("matching"), keys.blind_index(), keys.transport()]
    assert len({file.read_text() for file in files}) == len(files)


def test_databases_whose_keys_are_gone_are_not_given_new_ones(tmp_path):
    with pytest.raises(PlatformRefused, match="without their keys nobody can read them"):
        Keys(tmp_path, data_exists=True)


def test_only_one_can_hold_a_folder_and_it_says_who(tmp_path):
    lock, other = FolderLock(tmp_path / "lock"), FolderLock(tmp_path / "lock")
    assert lock.take(SUPERVISOR)
    assert not other.take(SUPERVISOR)
    holder = other.holder(SUPERVISOR)
    assert holder is not None
    assert holder.alive()
    lock.free()
    assert other.holder(SUPERVISOR) is None
    assert other.take(SUPERVISOR)
    other.free()


def test_a_damaged_platform_json_is_named_with_what_to_do(tmp_path):
    path = tmp_path / "platform.json"
    path.write_text('{"state": "running"')
    with pytest.raises(PlatformRefused, match=re.escape(f"{path} is damaged") + ".*delete it"):
        read_description(path)


def test_a_large_log_is_set_aside_once(tmp_path, monkeypatch):
    monkeypatch.setattr("viceversa.platform.folder._LARGE_LOG", 10)
    folder = DataFolder(tmp_path)
    folder.make()
    folder.log("matching").write_text("more than ten characters")
    folder.log("feedback").write_text("few")
    folder.set_large_logs_aside()
    assert {path.name for path in folder.logs.iterdir()} == {"matching.log.1", "feedback.log"}


@pytest.mark.parametrize("mode", [0o1777, 0o755, 0o700])
def test_a_folder_that_exists_keeps_its_mode(tmp_path, mode):
    root = tmp_path / "data"
    root.mkdir()
    root.chmod(mode)
    DataFolder(root).make()
    assert stat.S_IMODE(root.stat().st_mode) == mode


def test_a_new_folder_is_closed_to_others_whatever_the_umask_says(tmp_path):
    DataFolder(tmp_path / "data").make()
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) & 0o066 == 0


def test_a_folder_with_other_files_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    tmp_path.chmod(0o1777)
    with pytest.raises(PlatformRefused, match="none of them is a platform's; --data takes a folder that is new, empty"):
        DataFolder(tmp_path).make()
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777


def test_a_strangers_file_named_lock_makes_no_platforms_folder(tmp_path):
    for name in ("lock", "letter.txt"):
        (tmp_path / name).touch()
    with pytest.raises(PlatformRefused, match="holds files"):
        DataFolder(tmp_path).make()


@pytest.mark.parametrize("kept", ["platform.json", "lock"])
def test_a_platforms_own_folder_is_used_again_with_what_people_have_put_there(tmp_path, kept):
    folder = DataFolder(tmp_path)
    folder.make()
    for name in (kept, "notes.txt"):
        (tmp_path / name).touch()
    folder.make()
    assert {kept, "notes.txt"} <= {path.name for path in tmp_path.iterdir()}


def test_a_pid_that_nobody_has_is_no_process():
    assert Identity.of(2**22 + 1) is None
