"""What outlasts a power cut: everything a member leaves, before its record says that it ended."""

import errno
import os

import pytest

from grok.errors import named
from grok.record.files import atomic_path


def test_a_member_is_on_the_disk_before_its_record(make_member, train_members, monkeypatch):
    """Every file is synced before it gets its name, its folder afterwards, the record last."""
    done = []
    sync, rename = os.fsync, os.replace

    def synced(descriptor):
        sync(descriptor)
        done.append(("sync", os.readlink(f"/proc/self/fd/{descriptor}")))

    def renamed(old, new):
        rename(old, new)
        done.append(("rename", str(old), str(new)))

    monkeypatch.setattr("os.fsync", synced)
    monkeypatch.setattr("os.replace", renamed)
    member = make_member(budget=20)
    (record,) = train_members([member], "measures=[embeddings,rqi]", "weights=final")
    names = ["curves.csv", "embeddings.npz", "measures.csv", "weights/final.safetensors"]
    assert sorted(record.files) == names
    for name in [*names, "result.json"]:
        path = member.folder / name
        (i,) = (i for i, each in enumerate(done) if each[2:] == (str(path),))
        assert done[i - 1] == ("sync", done[i][1])
        assert done[i + 1] == ("sync", str(path.parent))
    assert done[-2][2] == str(member.folder / "result.json")
    made = done.index(("sync", str(member.folder.parent)))
    assert made < next(i for i, each in enumerate(done) if each[0] == "rename")


def test_new_folders_are_in_those_above_for_good(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("grok.record.files._sync", synced.append)
    with atomic_path(tmp_path / "a" / "b" / "c") as temporary:
        temporary.write_text("")
    assert synced == [tmp_path, tmp_path / "a", temporary, tmp_path / "a" / "b"]


def test_a_full_disk_is_told_by_the_file(tmp_path):
    """Whose error names nothing of itself."""
    with pytest.raises(OSError, match="No space") as raised, atomic_path(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert named(raised.value) == (
        f"{tmp_path}/a: can't be written (No space left on device); make room, and give the same "
        "command again"
    )
    raised.value.errno, raised.value.strerror = errno.EROFS, "Read-only file system"
    assert named(raised.value) == (
        f"{tmp_path}/a: can't be written (Read-only file system); make its folder a writable one, "
        "and give the same command again"
    )
