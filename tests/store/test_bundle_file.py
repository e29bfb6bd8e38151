from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.errors import AzuraForgeError, DataError, NotFoundError, RefusedError
from azuraforge.schema.specs import RunSpec
from azuraforge.store import bundle_file
from azuraforge.store.bundle import Manifest, write_bundle
from azuraforge.store.bundle_file import BundleFile
from azuraforge.store.tensors import encode

BLOB = encode({"w": np.arange(4.0)}, {"step": 3})
NAME = hashlib.sha256(BLOB).hexdigest()
TEXTS = ['{"type":"step","step":1}', '{"type":"step","step":2,"unit":"é"}']
Files = list[tuple[str, bytes]]


def chain_over(texts: list[str]) -> str:
    chain = bytes(32)
    for text in texts:
        chain = hashlib.sha256(chain + text.encode()).digest()
    return chain.hex()


MANIFEST = Manifest(
    run="01k3abcdefgh",
    spec=RunSpec(plugin="plane"),
    created_at=1.0,
    started_at=2.0,
    ended_at=3.0,
    experiment="default",
    tags={"a": "b"},
    parent=None,
    not_exact=[],
    provenance=None,
    events=2,
    chain=chain_over(TEXTS),
)


def sound(folder: Path) -> Path:
    path = folder / "run.azf"
    path.unlink(missing_ok=True)
    write_bundle(path, MANIFEST, TEXTS, [(NAME, BLOB)])
    return path


def taken_apart(path: Path) -> Files:
    with zipfile.ZipFile(path) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def put_together(path: Path, files: Files, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return path


def with_manifest(path: Path, **values: Any) -> Path:
    """The bundle with other values in its manifest."""
    files = dict(taken_apart(path))
    manifest = json.loads(files["manifest.json"]) | values
    files["manifest.json"] = json.dumps(manifest).encode()
    return put_together(path, list(files.items()))


def with_file(path: Path, name: str, data: bytes) -> Path:
    """The bundle with another content of a file, and a manifest that says so."""
    files = dict(taken_apart(path)) | {name: data}
    manifest = json.loads(files["manifest.json"])
    for member in manifest["files"]:
        if member["name"] == name:
            member |= {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    files["manifest.json"] = json.dumps(manifest).encode()
    return put_together(path, list(files.items()))


def test_a_bundle_says_what_was_put_into_it(tmp_path):
    path = sound(tmp_path)

    with BundleFile(path) as file:
        assert [text.decode() for text in file.texts] == TEXTS
        assert file.blobs == {NAME}
        assert file.blob(NAME) == BLOB
        assert file.manifest.spec == RunSpec(plugin="plane")
        with pytest.raises(NotFoundError):
            file.blob("0" * 64)


def test_other_programs_read_it_too_and_its_journal_is_one_event_a_line(tmp_path):
    files = dict(taken_apart(sound(tmp_path)))

    assert set(files) == {"manifest.json", "journal.jsonl", f"blobs/{NAME}"}
    assert files["journal.jsonl"].decode().splitlines() == TEXTS
    assert json.loads(files["manifest.json"])["chain"] == chain_over(TEXTS)


def test_the_same_run_makes_the_same_bytes_at_any_time(tmp_path):
    one = sound(tmp_path).read_bytes()

    assert sound(tmp_path).read_bytes() == one


def test_a_file_that_is_there_is_never_written_over(tmp_path):
    path = tmp_path / "run.azf"
    path.write_bytes(b"mine")

    with pytest.raises(RefusedError, match="is there already"):
        write_bundle(path, MANIFEST, TEXTS, [])

    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("run.azf", b"mine")]


def test_a_bundle_that_cannot_be_written_leaves_nothing(tmp_path):
    def blobs():
        yield NAME, BLOB
        raise DataError("the second blob is damaged")

    with pytest.raises(DataError):
        write_bundle(tmp_path / "run.azf", MANIFEST, TEXTS, blobs())
    with pytest.raises(AzuraForgeError, match="cannot write"):
        write_bundle(tmp_path / "no/such/folder.azf", MANIFEST, TEXTS, [])

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "blobs/../manifest.json",
        "blobs/" + "A" * 64,
        "blobs/" + "0" * 63,
        "blobs/" + "0" * 64 + "\n",
        "blobs\\" + "0" * 64,
        "",
        "manifest.json/",
        "weights.pkl",
        "blobs/" + "0" * 64 + "\x00.pkl",
        "journal.jsonl\u200b",
    ],
)
def test_a_member_of_any_other_name_is_refused(tmp_path, name):
    path = sound(tmp_path)
    # Python's own writer would end a name at its first zero byte.
    put_together(path, [*taken_apart(path), (name.replace("\0", "~"), b"x")])
    path.write_bytes(path.read_bytes().replace(b"~.pkl", b"\0.pkl"))

    with pytest.raises(DataError, match="a member is called"):
        BundleFile(path)


def changed_member(path: Path, name: str, change: Callable[[zipfile.ZipInfo], None]) -> Path:
    files = taken_apart(path)
    with zipfile.ZipFile(path, "w") as archive:
        for other, data in files:
            info = zipfile.ZipInfo(other)
            if other == name:
                change(info)
            archive.writestr(info, data, info.compress_type)
    return path


def test_a_link_is_refused(tmp_path):
    def link(info: zipfile.ZipInfo) -> None:
        info.external_attr = 0o120777 << 16

    with pytest.raises(DataError, match="a link or a device"):
        BundleFile(changed_member(sound(tmp_path), f"blobs/{NAME}", link))


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compressed_member_is_refused_before_it_is_unpacked(tmp_path, kind):
    path = sound(tmp_path)
    files = dict(taken_apart(path)) | {f"blobs/{'0' * 64}": bytes(1 << 24)}
    put_together(path, list(files.items()), kind)

    with pytest.raises(DataError, match="is compressed"):
        BundleFile(path)


@pytest.mark.parametrize("flag", [1, 8, 32, 64], ids=["encrypted", "sized-behind", "patch", "?"])
def test_a_member_of_an_unusual_form_is_refused(tmp_path, flag):
    path = sound(tmp_path)
    data = bytearray(path.read_bytes())
    data[data.find(b"PK\x01\x02") + 8] |= flag

    path.write_bytes(data)
    with pytest.raises(DataError, match="of a form that bundles do not have"):
        BundleFile(path)


def test_a_member_that_is_there_twice_is_refused(tmp_path):
    path = sound(tmp_path)
    files = taken_apart(path)
    with pytest.warns(UserWarning, match="Duplicate name"):
        put_together(path, [*files, files[0]])

    with pytest.raises(DataError, match="is there twice"):
        BundleFile(path)


def test_members_that_lie_over_one_another_are_refused(tmp_path):
    """Many names for the same bytes: a small file that says it holds very much."""
    path = sound(tmp_path)
    put_together(path, [*taken_apart(path), ("blobs/" + "1" * 64, bytes(100_000))])
    data = path.read_bytes()
    begin = data.find(b"PK\x01\x02")
    entry_at = data.find(b"blobs/" + b"1" * 64, begin) - 46
    entry = data[entry_at : entry_at + 46 + 70]
    others = b"".join(entry.replace(b"1" * 64, b"%064x" % n) for n in range(50))
    end = bytearray(data[-22:])
    directory = data[begin:-22] + others
    struct.pack_into("<HHL", end, 8, 54, 54, len(directory))
    path.write_bytes(data[:begin] + directory + end)

    with pytest.raises(DataError, match="more than the file"):
        BundleFile(path)


def test_a_directory_that_says_it_is_huge_is_refused_before_it_is_read(tmp_path):
    path = sound(tmp_path)
    data = bytearray(path.read_bytes())
    struct.pack_into("<L", data, len(data) - 10, 0xFFFFFFF0)
    path.write_bytes(data)

    with pytest.raises(DataError, match="its directory says it has 4,294,967,280 bytes"):
        BundleFile(path)


def test_a_directory_of_the_large_form_is_looked_at_as_well(tmp_path):
    path = sound(tmp_path)
    data = path.read_bytes()
    whole = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 4, 4, 1 << 40, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(data) - 22, 1)
    path.write_bytes(data[:-22] + whole + locator + data[-22:])

    with pytest.raises(DataError, match="its directory says it has 1,099,511,627,776 bytes"):
        BundleFile(path)


def test_a_file_larger_than_allowed_is_refused(tmp_path):
    path = sound(tmp_path)

    with pytest.raises(RefusedError, match="--max-size says more"):
        BundleFile(path, max_bytes=path.stat().st_size - 1)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"run": "../x"}, "manifest.json: .*run"),
        ({"run": "a\n"}, "manifest.json: .*run"),
        ({"spec": {"plugin": "p", "threads": 0}}, "threads"),
        ({"created_at": 1e300}, "created_at"),
        ({"events": 3}, "2 whole lines, its manifest says 3"),
        ({"chain": "0" * 64}, "the chain over journal.jsonl is"),
        ({"files": []}, "lists other files than there are"),
        ({"tags": {"x" * 101: ""}}, "manifest.json"),
        ({"format": "1"}, "manifest.json"),
        ({"parent": {"run": "p", "step": 2**40}}, "parent"),
        ({"parent": {"run": "../p", "step": 1}}, "parent"),
    ],
)
def test_a_manifest_that_says_something_else_is_refused(tmp_path, values, reason):
    with pytest.raises(DataError, match=reason):
        BundleFile(with_manifest(sound(tmp_path), **values))


def test_a_file_listed_twice_in_the_manifest_is_refused(tmp_path):
    path = sound(tmp_path)
    files = json.loads(dict(taken_apart(path))["manifest.json"])["files"]

    with pytest.raises(DataError, match="lists a file twice"):
        BundleFile(with_manifest(path, files=[*files, files[0]]))


def test_a_newer_format_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(RefusedError, match="format 2 was written by a newer AzuraForge"):
        BundleFile(with_manifest(sound(tmp_path), format=2, unknown={}))


@pytest.mark.parametrize("text", [b"", b"[", b"[" * 100_000, b"\xff", b"{}"])
def test_a_manifest_that_is_none_is_refused(tmp_path, text):
    path = sound(tmp_path)
    files = dict(taken_apart(path)) | {"manifest.json": text}

    with pytest.raises(DataError, match=r"manifest\.json"):
        BundleFile(put_together(path, list(files.items())))


@pytest.mark.parametrize("missing", ["manifest.json", "journal.jsonl", f"blobs/{NAME}"])
def test_a_missing_member_is_named(tmp_path, missing):
    path = sound(tmp_path)
    put_together(path, [(name, data) for name, data in taken_apart(path) if name != missing])

    with pytest.raises(DataError, match=missing):
        BundleFile(path)


def test_a_blob_that_is_not_what_its_name_says_is_refused(tmp_path):
    path = with_file(sound(tmp_path), f"blobs/{NAME}", BLOB + b"\0")

    with pytest.raises(DataError, match="is not named by its SHA-256"):
        BundleFile(path)


@pytest.mark.parametrize("length", [len(BLOB), bundle_file.MOST_HEADER_BYTES + 1, 2**63])
def test_a_blob_with_a_header_too_large_to_be_true_is_refused(tmp_path, length):
    blob = length.to_bytes(8, "little") + BLOB[8:]
    name = hashlib.sha256(blob).hexdigest()
    path = tmp_path / "run.azf"
    write_bundle(path, MANIFEST, TEXTS, [(name, blob)])

    with pytest.raises(DataError, match=f"its header says it has {length:,} bytes"):
        BundleFile(path)


def test_a_header_is_of_bounded_length_however_large_its_blob(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle_file, "MOST_HEADER_BYTES", 25)

    with pytest.raises(DataError, match="its header says it has"):
        BundleFile(sound(tmp_path))


def test_lines_and_manifests_are_of_bounded_length(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle_file, "MOST_LINE_BYTES", 25)
    with pytest.raises(DataError, match=r"journal\.jsonl, line 2: 36 bytes"):
        BundleFile(sound(tmp_path))

    monkeypatch.setattr(bundle_file, "MOST_JOURNAL_BYTES", 25)
    with pytest.raises(DataError, match=r"journal\.jsonl has .* bytes; allowed are 25"):
        BundleFile(sound(tmp_path))

    monkeypatch.setattr(bundle_file, "MOST_MANIFEST_BYTES", 25)
    with pytest.raises(DataError, match=r"manifest\.json has .* bytes; allowed are 25"):
        BundleFile(sound(tmp_path))


def test_a_journal_changed_with_its_hash_but_not_its_chain_is_refused(tmp_path):
    journal = "".join(f"{text}\n" for text in TEXTS).replace("2", "3").encode()

    with pytest.raises(DataError, match="the chain over"):
        BundleFile(with_file(sound(tmp_path), "journal.jsonl", journal))


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(NotFoundError, match="no file"):
        BundleFile(tmp_path / "none.azf")
    with pytest.raises(DataError, match="is not a file"):
        BundleFile(tmp_path)


@pytest.mark.parametrize("data", [b"", b"PK", bytes(22), b"\x80\x04K\x01.", b"PK\x05\x06" * 9])
def test_what_is_no_zip_is_refused(tmp_path, data):
    path = tmp_path / "run.azf"
    path.write_bytes(data)

    with pytest.raises(DataError, match="is no sound bundle"):
        BundleFile(path)


@given(data=st.data())
def test_any_changed_byte_is_refused_or_changes_nothing_that_is_read(tmp_path_factory, data):
    path = sound(tmp_path_factory.getbasetemp())
    whole = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)

    try:
        with BundleFile(path) as file:
            found = file.manifest, file.texts, file.blob(NAME)
    except (DataError, RefusedError):
        return

    with BundleFile(sound(path.parent)) as file:
        assert found == (file.manifest, file.texts, file.blob(NAME))


@given(data=st.data())
def test_a_bundle_cut_short_anywhere_is_refused(tmp_path_factory, data):
    path = sound(tmp_path_factory.getbasetemp())
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])

    with pytest.raises(DataError, match="is no sound bundle"):
        BundleFile(path)


@given(junk=st.binary(max_size=300))
def test_any_other_bytes_are_refused(tmp_path_factory, junk):
    path = tmp_path_factory.getbasetemp() / "junk.azf"
    path.write_bytes(junk + b"PK\x05\x06" + junk[:16].ljust(16, b"\0") + b"\0\0")

    with pytest.raises(DataError, match="is no sound bundle"):
        BundleFile(path)
