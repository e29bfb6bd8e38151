"""Downloads against an HTTP server on loopback that can cut, lie and count."""

from __future__ import annotations

import fcntl
import hashlib
import http.server
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from azuraforge.download import CHUNK_BYTES, fetch
from azuraforge.errors import DataError, HomeError

NAME = "numbers.bin"
CONTENT = bytes(range(256)) * 2048  # 512 KiB: several chunks
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no data folder, no proxy: the file's folder within the cache."""
    monkeypatch.setenv("AZURAFORGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AZURAFORGE_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache" / "folder"


def test_a_file_is_downloaded_checked_and_kept(cache: Path) -> None:
    with mirror() as server:
        path = fetch(NAME, sha256=SHA256, mirrors=[server.url], folder="folder")
        again = fetch(NAME, sha256=SHA256, mirrors=[server.url], folder="folder")

    assert path == again == cache / NAME
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None]  # one request for two fetches
    assert not list(cache.glob("*.part"))


def test_the_data_folder_comes_before_cache_and_mirrors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURAFORGE_DATA", str(tmp_path / "data"))
    (tmp_path / "data" / "folder").mkdir(parents=True)
    (tmp_path / "data" / "folder" / NAME).write_bytes(CONTENT)

    path = fetch(NAME, sha256=SHA256, mirrors=[], folder="folder")

    assert path == tmp_path / "data" / "folder" / NAME


@pytest.mark.parametrize("where", ["data", "cache"])
def test_a_corrupt_copy_is_refused_with_both_hashes(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURAFORGE_DATA", str(tmp_path / "data"))
    copy = tmp_path / where / "folder" / NAME
    copy.parent.mkdir(parents=True)
    copy.write_bytes(CONTENT[:-1])

    with mirror() as server, pytest.raises(DataError) as refusal:
        fetch(NAME, sha256=SHA256, mirrors=[server.url], folder="folder")

    found = hashlib.sha256(CONTENT[:-1]).hexdigest()
    assert all(said in str(refusal.value) for said in (str(copy), SHA256, found, "delete it"))
    assert server.ranges == []
    assert copy.exists()  # a person's file is not ours to delete


def test_a_cut_download_goes_on_where_it_was_cut(cache: Path) -> None:
    with mirror(cuts=[3 * CHUNK_BYTES]) as server:
        path = fetch(NAME, sha256=SHA256, mirrors=[server.url], folder="folder")

    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={3 * CHUNK_BYTES}-"]


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(cache: Path) -> None:
    cut = 2 * CHUNK_BYTES
    with mirror(cuts=[cut, 0]) as server, pytest.raises(DataError, match="no mirror gives it"):
        fetch(NAME, sha256=SHA256, mirrors=[server.url], folder="folder")
    assert not (cache / NAME).exists()

    with mirror() as server:
        path = fetch(NAME, sha256=SHA256, mirrors=[server.url], folder="folder")

    assert path.read_bytes() == CONTENT
    assert server.ranges == [f"bytes={cut}-"]


def test_the_second_mirror_gives_the_rest_that_the_first_did_not(cache: Path) -> None:
    with mirror(cuts=[CHUNK_BYTES, 0]) as first, mirror() as second:
        path = fetch(NAME, sha256=SHA256, mirrors=[first.url, second.url], folder="folder")

    assert path.read_bytes() == CONTENT
    assert second.ranges == [f"bytes={CHUNK_BYTES}-"]


def test_an_address_gives_a_file_that_is_called_otherwise_there(cache: Path) -> None:
    with mirror(status=404) as without, mirror() as server:
        path = fetch(
            NAME,
            sha256=SHA256,
            mirrors=[without.url],
            addresses=[f"{server.url}/input.txt"],
            folder="folder",
        )

    assert path == cache / NAME
    assert path.read_bytes() == CONTENT
    assert server.paths == ["/files/input.txt"]


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
def test_a_part_of_something_else_does_not_spoil_the_file(cache: Path, ranges: bool) -> None:
    cache.mkdir(parents=True)
    (cache / f"{NAME}.part").write_bytes(b"of another file")

    with mirror(ranges=ranges) as server:
        path = fetch(NAME, sha256=SHA256, mirrors=[server.url], folder="folder")

    assert path.read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_begun_anew(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / f"{NAME}.part").write_bytes(CONTENT + b"and more")

    with mirror() as server:
        path = fetch(NAME, sha256=SHA256, mirrors=[server.url], folder="folder")

    assert path.read_bytes() == CONTENT


def test_a_mirror_with_another_file_is_passed_over(cache: Path) -> None:
    with mirror(content=CONTENT[::-1]) as wrong, mirror() as right:
        path = fetch(NAME, sha256=SHA256, mirrors=[wrong.url, right.url], folder="folder")

    assert path.read_bytes() == CONTENT
    assert right.ranges == [None]  # nothing of the wrong file was kept


def test_when_every_mirror_fails_each_is_listed_with_its_cause(cache: Path) -> None:
    with mirror() as closed:
        pass  # its port is free again

    with mirror(content=b"other") as wrong, mirror(status=503) as busy:
        mirrors = [closed.url, wrong.url, busy.url, "file:///etc"]
        with pytest.raises(DataError) as failure:
            fetch(NAME, sha256=SHA256, mirrors=mirrors, folder="folder")

    message = str(failure.value)
    assert f"{closed.url}/{NAME}: cannot be reached" in message
    assert f"{wrong.url}/{NAME}: expected SHA-256 {SHA256}, found" in message
    assert f"{busy.url}/{NAME}: answers 503" in message
    assert "file:///etc" in message
    assert "$AZURAFORGE_DATA/folder" in message
    assert not (cache / NAME).exists()


def test_only_http_is_opened(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(CONTENT)

    with pytest.raises(DataError, match="unknown url type: file"):
        fetch(NAME, sha256=SHA256, mirrors=[tmp_path.as_uri()], folder="folder")


def test_a_redirection_to_a_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(CONTENT)

    with (
        mirror(status=302, location=(tmp_path / NAME).as_uri()) as server,
        pytest.raises(DataError, match="answers 302"),
    ):
        fetch(NAME, sha256=SHA256, mirrors=[server.url], folder="folder")


def test_while_one_downloads_another_waits_and_then_has_its_file(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = threading.Event()
    cache.mkdir(parents=True)
    with (cache / f".{NAME}.lock").open("w") as lock, ThreadPoolExecutor() as pool:
        fcntl.flock(lock, fcntl.LOCK_EX)
        flock = fcntl.flock
        monkeypatch.setattr(fcntl, "flock", lambda *args: (waits.set(), flock(*args)))

        waiting = pool.submit(fetch, NAME, sha256=SHA256, mirrors=[], folder="folder")
        assert waits.wait(10)
        (cache / NAME).write_bytes(CONTENT)
        flock(lock, fcntl.LOCK_UN)

        assert waiting.result(10) == cache / NAME  # with no mirror to ask


def test_a_cache_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("AZURAFORGE_CACHE", str(tmp_path / "file"))

    with pytest.raises(HomeError, match=r"file/folder: the cache cannot be used \(Not a dir"):
        fetch(NAME, sha256=SHA256, mirrors=[], folder="folder")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, as Linux has it")
def test_a_full_disk_is_said_to_be_full(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / f"{NAME}.part").symlink_to("/dev/full")

    with mirror() as server, pytest.raises(HomeError, match=r"the disk is full.*AZURAFORGE_CACHE"):
        fetch(NAME, sha256=SHA256, mirrors=[server.url], folder="folder")


@dataclass
class Mirror:
    """What a server did: its address, and the Range header of each request."""

    url: str
    ranges: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@contextmanager
def mirror(
    content: bytes = CONTENT,
    *,
    status: int = 200,
    location: str = "",
    ranges: bool = True,
    cuts: list[int] | None = None,
) -> Iterator[Mirror]:
    """Serves `content` at any path; each of `cuts` ends one reply after so many bytes."""
    cuts = list(cuts or [])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            told.ranges.append(asked)
            told.paths.append(self.path)
            begin = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and ranges else 0
            if begin and begin >= len(content):
                self.send_error(416)
                return
            self.send_response(206 if begin else status)
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/*")
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(content) - begin))
            self.end_headers()
            end = begin + cuts.pop(0) if cuts else len(content)
            self.wfile.write(content[begin:end])

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Mirror(f"http://127.0.0.1:{server.server_port}/files")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
