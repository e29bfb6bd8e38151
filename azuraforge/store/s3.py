"""Blobs in a bucket of S3, or of what speaks its protocol; the only importer of obstore."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, S3Store

from azuraforge.errors import ConfigError, NotFoundError, ServiceError
from azuraforge.store.blobs import (
    BlobEntry,
    Part,
    Stray,
    checked,
    chunks,
    digest,
    intact,
    is_name,
)

CHUNK_BYTES = 1 << 23  # of an upload in parts; S3 wants at least 5 MiB, and at most 10,000 of them
FOLDER = "sha256/"
RETRIES = 5
RETRY_S = 30.0  # then whoever waits is told; what wrote a checkpoint tries again
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


class S3Blobs:
    """Blobs as objects `sha256/ab/cd…` of a store; safe for many writers on many machines.

    An object appears whole or not at all, and is durable once it is there: S3 promises both.
    Every method raises ServiceError where the store cannot be reached or refuses.
    """

    def __init__(self, store: ObjectStore, place: str) -> None:
        self._store = store
        self.place = place

    def __reduce__(self) -> tuple[object, ...]:
        """To another process goes the place alone; each finds its own credentials."""
        return open_s3, (self.place,)

    def put(self, data: bytes) -> str:
        """Keep the bytes: when this returns S3 has said that it has them."""
        return self.put_parts([data])

    def put_parts(self, parts: Sequence[Part]) -> str:
        """Keep the bytes of all parts as one blob, large ones uploaded piece by piece at once.

        It is always sent: that makes it young again, and whole if it was not.
        """
        sha256 = digest(parts)
        size = sum(memoryview(part).nbytes for part in parts)
        with self._told():
            if size <= CHUNK_BYTES:
                obstore.put(self._store, _key(sha256), b"".join(parts), use_multipart=False)
            else:
                obstore.put(self._store, _key(sha256), chunks(parts), chunk_size=CHUNK_BYTES)
        return sha256

    def get(self, sha256: str) -> bytes:
        """The bytes of this SHA-256, checked against it.

        Raises: NotFoundError; DataError if they no longer have it.
        """
        key = _key(checked(sha256))
        try:
            with self._told():
                data = bytes(obstore.get(self._store, key).bytes())
        except FileNotFoundError as error:
            raise NotFoundError(f"no blob {sha256} in {self.place}") from error
        return intact(data, sha256, f"{self.place}/{key}")

    def delete(self, sha256: str, *, put_before: float) -> bool:
        """Let go of a blob last put before this time; False if there is none or it is younger.

        S3 cannot look and delete in one step: a blob put again in the instant between is lost.
        """
        key = _key(checked(sha256))
        try:
            with self._told():
                if obstore.head(self._store, key)["last_modified"].timestamp() >= put_before:
                    return False
                obstore.delete(self._store, key)
        except FileNotFoundError:
            return False
        return True

    def names(self) -> Iterator[BlobEntry]:
        """What is kept, in no order, and each blob at most once."""
        for place, size, at in self._objects():
            if is_name(name := place.replace("/", "", 1)):
                yield BlobEntry(name, size, at)

    def strays(self) -> Iterator[Stray]:
        """Objects of somebody else; a half-done upload of ours is none, and S3 shows none."""
        for found in self._objects():
            if not is_name(found.place.replace("/", "", 1)):
                yield found

    def sweep(self, *, written_before: float) -> list[Stray]:
        """Nothing: a rule of the bucket deletes half-done uploads (docs/storage.md)."""
        return []

    def __contains__(self, sha256: object) -> bool:
        if not is_name(sha256):
            return False
        try:
            with self._told():
                obstore.head(self._store, _key(str(sha256)))
        except FileNotFoundError:
            return False
        return True

    def _objects(self) -> Iterator[Stray]:
        with self._told():
            for page in obstore.list(self._store, FOLDER, chunk_size=1000):
                for found in page:
                    place = found["path"].removeprefix(FOLDER)
                    yield Stray(place, found["size"], found["last_modified"].timestamp())

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise ServiceError(
                    f"{self.place}: there is no such bucket; make it first"
                ) from error
            raise
        except (BaseError, PermissionError) as error:
            raise ServiceError(f"{self.place}: {_reason(error)}") from error


def open_s3(url: str) -> S3Blobs:
    """The blobs below `s3://bucket/prefix`, with what the usual variables AWS_… say.

    Raises: ConfigError if the URL is none, or a variable is missing or wrong.
    """
    endpoint = next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), "")
    try:
        store = S3Store.from_url(
            url,
            client_options={"allow_http": endpoint.startswith("http://")},
            retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_S)},
        )
    except (BaseError, ValueError) as error:
        raise ConfigError(
            f"AZURAFORGE_BLOBS={url!r}: {_reason(error)}; it is written s3://BUCKET/PREFIX, and "
            "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL say the rest"
        ) from error
    return S3Blobs(store, url.rstrip("/"))


def _key(sha256: str) -> str:
    return f"{FOLDER}{sha256[:2]}/{sha256[2:]}"


def _reason(error: Exception) -> str:
    """What obstore says before it begins to show its internals."""
    return " ".join(str(error).partition("\n\nDebug source:")[0].split())
