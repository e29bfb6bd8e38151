"""Files that are too large to ship: found where the person keeps data, or downloaded once.

A file is looked for in `$AZURAFORGE_DATA/<folder>/<name>`, then in the cache
(`$AZURAFORGE_CACHE`, else ~/.cache/azuraforge), then downloaded into the cache. Wherever it comes
from, it is used only if its SHA-256 is the expected one.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from azuraforge.errors import DataError, HomeError

ATTEMPTS = 3  # on one mirror; each goes on where the one before was cut
CHUNK_BYTES = 1 << 16
TIMEOUT_S = 30.0  # without a byte


def fetch(
    name: str,
    *,
    sha256: str,
    mirrors: Sequence[str] = (),
    addresses: Sequence[str] = (),
    folder: str,
) -> Path:
    """The path of a checked copy of the file; downloaded if there is none.

    A mirror has it as `<mirror>/<name>`; an address is the file's own, whatever it is called there.

    Raises: DataError for a copy with another hash, and if no mirror gives the file; HomeError if
    the cache cannot be used.
    """
    data = os.environ.get("AZURAFORGE_DATA")
    if data and (kept := Path(data).expanduser() / folder / name).exists():
        return _checked(kept, sha256)
    cache = Path(os.environ.get("AZURAFORGE_CACHE") or "~/.cache/azuraforge").expanduser()
    target = cache / folder / name
    urls = [*(f"{mirror.rstrip('/')}/{name}" for mirror in mirrors), *addresses]
    with _named_problems(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(target):
            if not target.exists():  # whoever had the lock before may have downloaded it
                _download(target, sha256, urls)
    return _checked(target, sha256)


def _checked(path: Path, sha256: str) -> Path:
    found = _sha256(path)
    if found != sha256:
        raise DataError(
            f"{path}: expected SHA-256 {sha256}, found {found}; the file is corrupt or another "
            f"one: delete it, and it is downloaded anew"
        )
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _named_problems(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or error
        raise HomeError(
            f"{folder}: the cache cannot be used ({reason}); mend that, or name another folder in "
            f"AZURAFORGE_CACHE"
        ) from error


@contextmanager
def _one_at_a_time(target: Path) -> Iterator[None]:
    """Holds the target's lock; the kernel lets go of it however this process ends."""
    with target.with_name(f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download(target: Path, sha256: str, urls: Sequence[str]) -> None:
    part = target.with_name(f"{target.name}.part")
    causes = []
    for url in urls:
        try:
            _from_one_mirror(url, part, sha256)
        except _MirrorError as error:
            causes.append(f"{url}: {error}")
            continue
        part.replace(target)
        _sync_folder(target.parent)  # the new name, too, survives a power cut
        return
    raise DataError(
        f"{target.name}: no mirror gives it ({'; '.join(causes)}); look at the network, or put the "
        f"file into $AZURAFORGE_DATA/{target.parent.name}"
    )


class _MirrorError(Exception):
    """Why a mirror does not give the file."""


def _from_one_mirror(url: str, part: Path, sha256: str) -> None:
    """Make `part` the file. Raises: _MirrorError."""
    for _ in range(ATTEMPTS):
        had_bytes = _size(part)
        try:
            _append(url, part)
        except _MirrorError as error:
            cause = error
            if _size(part) > had_bytes:
                continue  # it gave something: ask for the rest
            raise
        found = _sha256(part)
        if found == sha256:
            return
        part.unlink()
        cause = _MirrorError(f"expected SHA-256 {sha256}, found {found}")
        if had_bytes == 0:
            break
        # else the beginning was perhaps another mirror's: once more, from zero
    raise cause


def _append(url: str, part: Path) -> None:
    """Bring `part` to the end of the file, from its own end on where the server can.

    Raises: _MirrorError, with what arrived until then in `part`.
    """
    had_bytes = _size(part)
    with _response(url, had_bytes) as response, part.open("ab") as file:
        goes_on = response.headers.get("Content-Range", "").startswith(f"bytes {had_bytes}-")
        if had_bytes and not goes_on:
            file.truncate(0)  # the server sends the whole file
        promised = response.headers.get("Content-Length")
        received = 0
        while chunk := _read(response):
            received += file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if promised is not None and received < int(promised):
        raise _MirrorError(f"the connection ended after {received} of {promised} bytes")


def _response(url: str, from_byte: int) -> http.client.HTTPResponse:
    request = urllib.request.Request(url)
    if from_byte:
        request.add_header("Range", f"bytes={from_byte}-")
    try:
        response: http.client.HTTPResponse = _opener().open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if from_byte and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return _response(url, 0)  # what we have is longer than the file
        raise _MirrorError(f"answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _MirrorError(f"cannot be reached: {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise _MirrorError(f"cannot be reached: {error}") from error
    return response


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(CHUNK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise _MirrorError(f"the connection broke: {error}") from error


def _opener() -> urllib.request.OpenerDirector:
    """Opens http and https, also through a proxy and a redirection, and nothing else."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
