from __future__ import annotations

import array
import fcntl
import hashlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.errors import DataError, HomeError, NotFoundError
from azuraforge.store.blobs import Blobs, BlobStore, DiscardingBlobs, MemoryBlobs

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture(params=["file", "memory"])
def blobs(request, tmp_path) -> BlobStore:
    return Blobs(tmp_path) if request.param == "file" else MemoryBlobs()


def files_in(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]


def test_a_blob_is_named_by_its_sha256_and_comes_back(blobs):
    name = blobs.put(b"abc")

    assert name == ABC
    assert blobs.get(ABC) == b"abc"
    assert ABC in blobs


def test_the_file_lies_where_its_name_says(tmp_path):
    Blobs(tmp_path).put(b"abc")

    assert files_in(tmp_path) == [f"blobs/sha256/{ABC[:2]}/{ABC[2:]}"]


@given(data=st.binary(max_size=4096))
def test_any_bytes_come_back(tmp_path_factory, data):
    blobs = Blobs(tmp_path_factory.getbasetemp())

    assert blobs.get(blobs.put(data)) == data


def test_the_same_bytes_twice_are_one_blob(tmp_path):
    blobs = Blobs(tmp_path)

    blobs.put(b"abc")
    blobs.put(b"abc")

    assert len(files_in(tmp_path)) == 1


@given(pieces=st.lists(st.binary(max_size=300), max_size=5))
def test_parts_are_kept_as_the_bytes_they_make_together(tmp_path_factory, pieces):
    whole = b"".join(pieces)

    for blobs in (Blobs(tmp_path_factory.getbasetemp()), MemoryBlobs()):
        name = blobs.put_parts([memoryview(piece) for piece in pieces])

        assert name == hashlib.sha256(whole).hexdigest() == DiscardingBlobs().put_parts(pieces)
        assert blobs.get(name) == whole


def test_a_part_larger_than_a_write_and_of_wide_elements_is_kept_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("azuraforge.store.blobs.CHUNK_BYTES", 7)
    wide = array.array("d", range(5))

    name = Blobs(tmp_path).put_parts([memoryview(wide), b"end"])

    assert Blobs(tmp_path).get(name) == wide.tobytes() + b"end"


def test_what_is_there_already_is_not_written_again_but_young_again(tmp_path, monkeypatch):
    blobs = Blobs(tmp_path)
    blobs.put(b"abc")
    path = tmp_path / "blobs/sha256" / ABC[:2] / ABC[2:]
    os.utime(path, (1000, 1000))
    inode = path.stat().st_ino

    blobs.put_parts([b"a", b"bc"])

    assert path.stat().st_ino == inode
    assert path.stat().st_mtime > 1000


@pytest.mark.parametrize("there", [b"", b"ab", b"abd", b"abcd"])
def test_what_is_there_cut_short_grown_or_changed_is_written_again(tmp_path, there):
    blobs = Blobs(tmp_path)
    blobs.put(b"abc")
    (tmp_path / "blobs/sha256" / ABC[:2] / ABC[2:]).write_bytes(there)

    blobs.put(b"abc")

    assert blobs.get(ABC) == b"abc"


def test_names_tell_each_blob_with_its_size_and_the_time_it_was_put(blobs):
    before = time.time()
    blobs.put(b"abc")
    blobs.put(b"")

    told = {entry.sha256: entry for entry in blobs.names()}

    assert {name: entry.size_bytes for name, entry in told.items()} == {ABC: 3, EMPTY: 0}
    # Files are dated by a coarser clock than ours.
    assert all(before - 1 <= entry.modified_at <= time.time() + 1 for entry in told.values())


def test_names_pass_over_what_is_no_blob(tmp_path):
    blobs = Blobs(tmp_path)
    blobs.put(b"abc")
    (tmp_path / "blobs/sha256" / ABC[:2] / "unfinished-xyz").write_bytes(b"a")
    (tmp_path / "blobs/sha256/note").write_bytes(b"a")

    assert [entry.sha256 for entry in blobs.names()] == [ABC]


def test_a_home_without_blobs_has_no_names(tmp_path):
    assert list(Blobs(tmp_path).names()) == []
    assert list(DiscardingBlobs().names()) == []


def test_a_blob_is_deleted_if_it_was_put_before_the_time_told(blobs):
    blobs.put(b"abc")
    put_at = next(blobs.names()).modified_at

    assert not blobs.delete(ABC, put_before=put_at)
    assert blobs.get(ABC) == b"abc"
    assert blobs.delete(ABC, put_before=put_at + 1)
    assert ABC not in blobs
    assert not blobs.delete(ABC, put_before=put_at + 1)


def test_a_blob_made_young_while_its_deleter_waits_stays(tmp_path):
    blobs = Blobs(tmp_path)
    blobs.put(b"abc")
    path = tmp_path / "blobs/sha256" / ABC[:2] / ABC[2:]
    os.utime(path, (1000, 1000))

    with path.open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with ThreadPoolExecutor() as pool:
            deleted = pool.submit(blobs.delete, ABC, put_before=2000)
            os.utime(path, (3000, 3000))
            fcntl.flock(held, fcntl.LOCK_UN)

    assert not deleted.result()
    assert blobs.get(ABC) == b"abc"


def test_putting_what_is_deleted_at_that_very_moment_writes_it_again(tmp_path, monkeypatch):
    blobs = Blobs(tmp_path)
    blobs.put(b"abc")
    flock = fcntl.flock

    def deleted_while_waiting(descriptor: int, operation: int) -> None:
        (tmp_path / "blobs/sha256" / ABC[:2] / ABC[2:]).unlink(missing_ok=True)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", deleted_while_waiting)
    blobs.put(b"abc")

    assert blobs.get(ABC) == b"abc"


def test_an_unknown_blob_is_not_found(blobs):
    assert ABC not in blobs
    with pytest.raises(NotFoundError, match=ABC):
        blobs.get(ABC)


@pytest.mark.parametrize(
    "name",
    ["", "../../../etc/passwd", ABC[:-1], ABC + "0", ABC.upper(), ABC[:-1] + "/", ABC + "\n"],
)
def test_what_is_not_64_hexadecimal_characters_never_becomes_a_path(blobs, name):
    assert name not in blobs
    with pytest.raises(NotFoundError):
        blobs.get(name)


def test_a_damaged_blob_is_refused_with_both_hashes_and_mended_by_putting_it_again(tmp_path):
    blobs = Blobs(tmp_path)
    blobs.put(b"abc")
    (tmp_path / "blobs/sha256" / ABC[:2] / ABC[2:]).write_bytes(b"abd")

    with pytest.raises(DataError) as refused:
        blobs.get(ABC)
    blobs.put(b"abc")

    assert ABC in str(refused.value)
    assert hashlib.sha256(b"abd").hexdigest() in str(refused.value)
    assert blobs.get(ABC) == b"abc"


def test_short_writes_are_carried_on_to_the_last_byte(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:7]))

    name = Blobs(tmp_path).put(bytes(range(100)))

    assert Blobs(tmp_path).get(name) == bytes(range(100))


def test_a_failing_fsync_leaves_nothing_behind(tmp_path, monkeypatch):
    blobs = Blobs(tmp_path)
    blobs.put(b"abc")

    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(HomeError, match="Input/output error"):
        blobs.put(b"other")

    assert files_in(tmp_path) == [f"blobs/sha256/{ABC[:2]}/{ABC[2:]}"]


def test_bytes_and_folders_are_synced_before_put_returns(tmp_path, monkeypatch):
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        done.append(f"sync {Path(os.readlink(f'/proc/self/fd/{descriptor}')).name}")
        fsync(descriptor)

    def renamed(old: str, new: Path) -> None:
        done.append("rename")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    Blobs(tmp_path).put(b"abc")

    *folders, file, rename, folder = done
    assert folders == [f"sync {tmp_path.name}", "sync blobs", "sync sha256"]
    assert file.startswith("sync unfinished-")
    assert (rename, folder) == ("rename", f"sync {ABC[:2]}")


def test_a_full_disk_is_one_clear_sentence_and_keeps_what_was_there(small_disk):
    blobs = Blobs(small_disk)
    blobs.put(b"abc")

    with pytest.raises(HomeError, match="no room left") as refused:
        blobs.put(bytes(1 << 20))

    assert str(small_disk) in str(refused.value)
    assert len(files_in(small_disk)) == 1
    assert blobs.get(ABC) == b"abc"


def test_a_limit_on_file_size_is_told_like_a_full_disk(tmp_path):
    program = """
import resource, sys
from pathlib import Path
from azuraforge.errors import HomeError
from azuraforge.store.blobs import Blobs
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    Blobs(Path(sys.argv[1])).put(bytes(100_000))
except HomeError as error:
    print(error)
"""

    printed = subprocess.check_output([sys.executable, "-c", program, tmp_path], text=True)

    assert "no room left" in printed
    assert files_in(tmp_path) == []


def test_blobs_and_tensors_load_no_sql():
    program = """
import sys, azuraforge.store.blobs, azuraforge.store.tensors
print({"sqlalchemy", "alembic"} & set(sys.modules))
"""

    printed = subprocess.check_output([sys.executable, "-c", program], text=True)

    assert printed == "set()\n"


def test_strays_are_told_and_only_old_unfinished_ones_swept(tmp_path):
    blobs = Blobs(tmp_path)
    blobs.put(b"abc")
    unfinished = f"{ABC[:2]}/unfinished-xyz"
    places = [unfinished, "note", f"{ABC[:2]}/{ABC[2:]}.bak", f"x/{ABC[:2]}/{ABC[2:]}"]
    for place in places:
        path = blobs.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"ab")
        os.utime(path, (1000, 1000))

    assert sorted(stray.place for stray in blobs.strays()) == sorted(places)
    assert blobs.sweep(written_before=1000) == []
    assert [stray.place for stray in blobs.sweep(written_before=1001)] == [unfinished]
    assert len(list(blobs.strays())) == 3
    assert blobs.get(ABC) == b"abc"
