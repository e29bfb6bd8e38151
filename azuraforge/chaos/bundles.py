"""Bundles from a stranger: other paths, bombs, other content; refused, and nothing is written."""

from __future__ import annotations

import hashlib
import json
import pickle
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from azuraforge.actors.recording.bundling import bundle
from azuraforge.actors.recording.registry import Registry
from azuraforge.actors.repeating.bundled import Bundled
from azuraforge.chaos.bitflips import flip
from azuraforge.chaos.row import Case
from azuraforge.chaos.runs import Runs
from azuraforge.chaos.specs import chaos
from azuraforge.errors import DataError, RefusedError
from azuraforge.store.blobs import Blobs
from azuraforge.store.bundle_file import BundleFile

ELSEWHERE = ("../../../tmp/evil", "/tmp/evil", "blobs/../../evil", "C:\\evil", "blobs/", "evil.py")
BOMB_BYTES = 64 << 20  # of zeros, in a few kilobytes

Members = dict[str, bytes]
Harm = Callable[[Path, Members, Random], None]


def of_strangers(case: Case) -> Iterator[str]:
    """A sound bundle is changed to do harm, or anyhow; it must be refused, or tell the same run."""
    runs = Runs(case, chaos(case))
    sound = case.folder / "sound.azf"
    registry = Registry(runs.home)
    (record,) = registry.runs()
    bundle(registry, Blobs(runs.home), record.id, sound)
    registry.close()
    with zipfile.ZipFile(sound) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    for number in range(case.times):
        harm = HARMS[number % len(HARMS)]
        path = case.folder / "strange.azf"
        path.write_bytes(sound.read_bytes())
        harm(path, members, case.rng)
        yield _opened(path, harm.__name__.lstrip("_"), record.chain)


def _opened(path: Path, how: str, chain: str) -> str:
    """What is wrong with how the bundle was taken."""
    before = set(path.parent.iterdir())
    try:
        with BundleFile(path) as file:
            found = Bundled(file).record.chain
            for name in file.blobs:
                file.blob(name)
        is_same = how == "flipped" and found == chain  # a bit that means nothing, a date's
        wrong = "" if is_same else f"{how}: it was taken for sound"
    except (DataError, RefusedError):
        wrong = ""
    written = set(path.parent.iterdir()) - before
    return wrong or (f"{how}: it wrote {written}" if written else "")


def _flipped(path: Path, members: Members, rng: Random) -> None:
    flip(path, rng)


def _cut_short(path: Path, members: Members, rng: Random) -> None:
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size)])


def _elsewhere(path: Path, members: Members, rng: Random) -> None:
    """A member that would be written somewhere else, if anything were; the manifest lists it."""
    _write(path, _listed(members | {rng.choice(ELSEWHERE): b"evil"}))


def _linked(path: Path, members: Members, rng: Random) -> None:
    """A member that is a link to a file of the reader's."""
    _write(path, members)
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo(f"blobs/{rng.randbytes(32).hex()}")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")


def _bomb(path: Path, members: Members, rng: Random) -> None:
    """A member of kilobytes that unpacks to megabytes."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"blobs/{rng.randbytes(32).hex()}", bytes(BOMB_BYTES))


def _pickled(path: Path, members: Members, rng: Random) -> None:
    """A blob that is a pickle under the name of another."""
    name = rng.choice([name for name in members if name.startswith("blobs/")])
    _write(path, members | {name: pickle.dumps({"weights": rng.random()})})


def _other_journal(path: Path, members: Members, rng: Random) -> None:
    """A journal that tells of better numbers; the manifest has its checksum."""
    journal = members["journal.jsonl"].replace(b"0.4", b"0.1")
    _write(path, _listed(members | {"journal.jsonl": journal}))


def _twice(path: Path, members: Members, rng: Random) -> None:
    """A member that is there twice, the second time as another."""
    with zipfile.ZipFile(path, "a") as archive:
        name = rng.choice(list(members))
        info = zipfile.ZipInfo(name)
        archive.NameToInfo.pop(name)
        archive.writestr(info, b"other")


def _listed(members: Members) -> Members:
    """The members with a manifest that tells of each, as a stranger would take care to write."""
    manifest = json.loads(members["manifest.json"])
    manifest["files"] = [
        {"name": name, "size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in members.items()
        if name != "manifest.json"
    ]
    return members | {"manifest.json": json.dumps(manifest).encode()}


def _write(path: Path, members: Members) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


HARMS: tuple[Harm, ...] = (
    _flipped,
    _cut_short,
    _elsewhere,
    _linked,
    _bomb,
    _pickled,
    _other_journal,
    _twice,
)
