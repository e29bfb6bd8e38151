from __future__ import annotations

import os
import pickle
import zlib
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer
from obstore.store import MemoryStore

from azuraforge.errors import ConfigError, DataError, NotFoundError, ServiceError
from azuraforge.store import s3
from azuraforge.store.blobs import Blobs, open_blobs
from azuraforge.store.s3 import S3Blobs

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1
KEY = f"some/prefix/sha256/{ABC[:2]}/{ABC[2:]}"
UNKNOWN = "0" * 64


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The URL of a server on this machine that speaks S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def bucket(endpoint, monkeypatch, request) -> str:
    """The name of a new bucket, and the variables that lead to it."""
    for variable in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden-secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    name = f"bucket-{zlib.crc32(request.node.name.encode())}"
    client().create_bucket(Bucket=name)
    monkeypatch.setenv("AZURAFORGE_BLOBS", f"s3://{name}/some/prefix")
    return name


def client() -> Any:
    """Another program's client of the same server."""
    return boto3.client("s3", region_name="us-east-1")


@pytest.fixture(params=["server", "memory"])
def blobs(request, tmp_path) -> S3Blobs:
    if request.param == "memory":
        return S3Blobs(MemoryStore(), "memory")
    request.getfixturevalue("bucket")
    return open_blobs(tmp_path)


def test_a_blob_is_named_by_its_sha256_and_comes_back(blobs):
    name = blobs.put(b"abc")

    assert name == ABC
    assert blobs.get(ABC) == b"abc"
    assert ABC in blobs


def test_what_is_large_goes_in_parts_and_comes_back_whole(blobs, monkeypatch):
    monkeypatch.setattr(s3, "CHUNK_BYTES", 5 << 20)
    whole = os.urandom(11 << 20)

    name = blobs.put_parts([b"", memoryview(whole)[: 7 << 20], memoryview(whole)[7 << 20 :]])

    assert blobs.get(name) == whole
    assert [entry.size_bytes for entry in blobs.names()] == [len(whole)]


@given(pieces=st.lists(st.binary(max_size=40), max_size=5))
def test_any_parts_come_back_as_the_bytes_they_make_together(pieces):
    for limit in (4, 1 << 20):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(s3, "CHUNK_BYTES", limit)
            blobs = S3Blobs(MemoryStore(), "memory")

            assert blobs.get(blobs.put_parts(pieces)) == b"".join(pieces)


def test_an_unknown_blob_is_not_found(blobs):
    assert UNKNOWN not in blobs
    assert "../x" not in blobs
    assert not blobs.delete(UNKNOWN, put_before=1e12)
    with pytest.raises(NotFoundError, match=UNKNOWN):
        blobs.get(UNKNOWN)
    with pytest.raises(NotFoundError):
        blobs.get("../x")


def test_the_object_lies_below_the_prefix_where_its_name_says(bucket, tmp_path):
    open_blobs(tmp_path).put(b"abc")

    found = client().get_object(Bucket=bucket, Key=KEY)
    assert found["Body"].read() == b"abc"
    assert list(tmp_path.iterdir()) == []


def test_a_blob_changed_in_the_bucket_is_refused_and_mended_by_putting_it_again(bucket, tmp_path):
    blobs = open_blobs(tmp_path)
    blobs.put(b"abc")
    client().put_object(Bucket=bucket, Key=KEY, Body=b"abd")

    with pytest.raises(DataError, match="damaged"):
        blobs.get(ABC)
    blobs.put(b"abc")

    assert blobs.get(ABC) == b"abc"


def test_a_blob_is_deleted_if_it_was_put_before_the_time_told(blobs):
    blobs.put(b"abc")
    entry = next(blobs.names())

    assert (entry.sha256, entry.size_bytes) == (ABC, 3)
    assert not blobs.delete(ABC, put_before=entry.modified_at)
    assert blobs.delete(ABC, put_before=entry.modified_at + 1)
    assert list(blobs.names()) == []


def test_what_is_no_blob_is_a_stray_and_left_alone(bucket, tmp_path):
    blobs = open_blobs(tmp_path)
    blobs.put(b"abc")
    client().put_object(Bucket=bucket, Key="some/prefix/sha256/note", Body=b"x")

    assert [entry.sha256 for entry in blobs.names()] == [ABC]
    assert blobs.sweep(written_before=1e12) == []
    assert [(stray.place, stray.size_bytes) for stray in blobs.strays()] == [("note", 1)]


def test_a_bucket_that_is_not_there_is_said(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("AZURAFORGE_BLOBS", "s3://nowhere")

    for call in (lambda blobs: blobs.put(b"abc"), lambda blobs: blobs.get(ABC)):
        with pytest.raises(ServiceError, match="s3://nowhere: there is no such bucket"):
            call(open_blobs(tmp_path))


def test_a_server_that_does_not_answer_is_an_error_without_secrets(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr(s3, "RETRIES", 0)

    with pytest.raises(ServiceError, match=f"s3://{bucket}/some/prefix: ") as refused:
        open_blobs(tmp_path).put(b"abc")

    assert "hidden-secret" not in str(refused.value)
    assert "Debug" not in str(refused.value)


def test_without_the_variable_blobs_lie_in_the_home(tmp_path, monkeypatch):
    monkeypatch.delenv("AZURAFORGE_BLOBS", raising=False)

    assert isinstance(open_blobs(tmp_path), Blobs)


@pytest.mark.parametrize("url", ["s3://", "s3://a b", "gs://bucket", "/folder", "bucket"])
def test_a_place_that_is_no_bucket_is_refused_with_how_it_is_written(url, tmp_path, monkeypatch):
    monkeypatch.setenv("AZURAFORGE_BLOBS", url)

    with pytest.raises(ConfigError, match="it is written s3://BUCKET/PREFIX"):
        open_blobs(tmp_path)


def test_half_of_the_credentials_are_refused_with_their_names(bucket, tmp_path, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")

    with pytest.raises(ConfigError, match="AWS_ACCESS_KEY_ID"):
        open_blobs(tmp_path)


def test_a_bucket_without_obstore_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("AZURAFORGE_BLOBS", "s3://bucket")
    monkeypatch.setattr("azuraforge.store.blobs.find_spec", lambda name: None)

    with pytest.raises(ConfigError, match=r"install azuraforge\[s3\]"):
        open_blobs(tmp_path)


def test_another_process_is_told_the_place_and_no_credentials(bucket, tmp_path):
    blobs = open_blobs(tmp_path)
    blobs.put(b"abc")

    sent = pickle.dumps(blobs)

    assert b"hidden-secret" not in sent
    assert pickle.loads(sent).get(ABC) == b"abc"
