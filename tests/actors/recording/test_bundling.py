from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from azuraforge.actors.recording.bundling import bundle, unbundle
from azuraforge.actors.recording.fsck import fsck
from azuraforge.actors.recording.registry import Registry
from azuraforge.actors.repeating.bundled import Bundled
from azuraforge.actors.repeating.verifying import verify
from azuraforge.actors.training.provenance import provenance
from azuraforge.actors.training.trainer import Trainer
from azuraforge.errors import DataError, NotFoundError, RefusedError
from azuraforge.schema.commands import Command
from azuraforge.schema.events import CheckpointSaved, Event
from azuraforge.schema.provenance import Provenance
from azuraforge.schema.records import ForkPoint, RunRecord
from azuraforge.schema.specs import CheckpointPolicy, RunSpec
from azuraforge.store.blobs import Blobs
from azuraforge.store.bundle_file import BundleFile
from azuraforge.store.tensors import decode, encode

STEPS = 9  # three epochs of three batches; a checkpoint after every second step


class Home:
    """A home folder with its Registry and its blobs."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.registry = Registry(folder)
        self.blobs = Blobs(folder)

    def close(self) -> None:
        self.registry.close()

    def train(self, *commands: Command, **values: Any) -> str:
        """Train a run to its end, these commands given before it begins; its id."""
        policy = CheckpointPolicy(every_steps=2, every_epochs=0)
        spec = Trainer(RunSpec(plugin="tiny", checkpoint=policy)).spec
        run = self.registry.create_run(spec, experiment="lines", tags={"who": "me"}, **values).id
        for command in commands:
            self.registry.command(run, command)
        attempt = self.registry.begin_attempt(run, "test")
        trainer = Trainer(spec, blobs=self.blobs, attempt=attempt)
        for event in trainer:
            self.registry.append(run, trainer.seq, [event], attempt=attempt.number)
        return run

    def bundled(self, run: str) -> Path:
        path = self.folder / f"{run}.azf"
        bundle(self.registry, self.blobs, run, path)
        return path


@pytest.fixture
def here(tmp_path) -> Iterator[Home]:
    with closing(Home(tmp_path / "here")) as home:
        yield home


@pytest.fixture
def there(tmp_path) -> Iterator[Home]:
    with closing(Home(tmp_path / "there")) as home:
        yield home


def taken_in(home: Home, path: Path) -> RunRecord:
    with BundleFile(path) as file:
        return unbundle(home.registry, home.blobs, Bundled(file))


SET = Command(name="set", path="optim.lr", value=0.01)


def test_a_run_is_the_same_in_another_home(here, there):
    run = here.train(SET)

    taken_in(there, here.bundled(run))

    one, other = (home.registry.run(run) for home in (here, there))
    assert structs.replace(other, created_at=0, telemetry=None) == structs.replace(
        one, created_at=0, telemetry=None
    )
    assert there.registry.events(run) == here.registry.events(run)
    assert there.registry.checkpoints(run) == here.registry.checkpoints(run)
    assert there.registry.model("tiny").weights == here.registry.model("tiny").weights
    assert fsck(there.folder, there.blobs).damage == []


@pytest.fixture
def carried(here) -> tuple[Path, RunRecord]:
    """A bundle, and the run it is of, which was made in SQLite."""
    run = here.train(SET)
    return here.bundled(run), here.registry.run(run)


def test_a_run_is_taken_into_either_database(carried, any_database, tmp_path):
    path, record = carried
    run = record.id

    with closing(Home(tmp_path / "elsewhere")) as there:
        taken_in(there, path)

        assert there.registry.run(run).chain == record.chain
        assert there.bundled(run).read_bytes() == path.read_bytes()
        assert fsck(there.folder, there.blobs).damage == []
        with pytest.raises(RefusedError, match="here already"):
            taken_in(there, path)


def test_what_was_taken_in_makes_the_same_bundle_again(here, there):
    path = here.bundled(here.train(SET))

    run = taken_in(there, path)

    assert there.bundled(run.id).read_bytes() == path.read_bytes()


def test_a_run_taken_in_can_be_left_at_any_step_like_one_made_here(here, there):
    run = here.train()
    taken_in(there, here.bundled(run))

    child = there.registry.fork(run, 8, [SET])

    assert there.registry.events(child.id) != []
    assert child.parent == ForkPoint(run=run, step=8)


def test_a_checkpoint_that_did_not_come_along_is_not_kept(here, there):
    run = here.train()
    lost = here.registry.checkpoints(run)[1]
    assert lost.is_kept

    with BundleFile(here.bundled(run)) as file:
        file.blobs = file.blobs - {lost.sha256}
        unbundle(there.registry, there.blobs, Bundled(file))

    (found,) = [one for one in there.registry.checkpoints(run) if one.seq == lost.seq]
    assert not found.is_kept
    assert fsck(there.folder, there.blobs).damage == []


def test_an_id_that_is_taken_is_refused_and_nothing_is_changed(here):
    run = here.train()
    path = here.bundled(run)
    before = here.registry.run(run)

    with pytest.raises(RefusedError, match=f"there is a run {run} here already"):
        taken_in(here, path)

    assert here.registry.run(run) == before
    assert len(here.registry.models()) == 1


def test_a_fork_is_taken_in_with_and_without_its_parent(here, there):
    parent = here.train()
    child = here.train(parent=ForkPoint(run=parent, step=5))

    alone = taken_in(there, here.bundled(child))
    taken_in(there, here.bundled(parent))

    assert alone.parent == ForkPoint(run=parent, step=5)
    assert there.registry.run(child).chain == here.registry.run(child).chain
    assert fsck(there.folder, there.blobs).damage == []


def test_a_run_that_has_not_ended_is_refused_with_what_to_do(here):
    run = here.registry.create_run(RunSpec(plugin="tiny")).id

    with pytest.raises(RefusedError, match=rf"is queued; .* runs stop {run}"):
        here.bundled(run)


def test_a_run_whose_checkpoint_is_lost_is_not_bundled(here):
    run = here.train()
    sha256 = here.registry.checkpoints(run)[0].sha256
    (here.blobs.folder / sha256[:2] / sha256[2:]).unlink()

    with pytest.raises(NotFoundError, match=sha256):
        here.bundled(run)

    assert not (here.folder / f"{run}.azf").exists()


def test_a_bundle_is_verified_from_the_spec_and_from_a_checkpoint(here):
    path = here.bundled(here.train(SET))

    with BundleFile(path) as file:
        found = verify(Bundled(file), 2)

    assert (found.events, found.files, found.size_bytes) == (
        len(here.registry.events(found.run)),
        5,
        path.stat().st_size,
    )
    begun = [(report.from_step, report.to_step) for report in found.replays]
    assert begun[0] == (0, 2)
    assert begun[1] in [(4, 6), (6, 8)]
    assert [report.difference for report in found.replays] == [None, None]
    assert found.replays[0].checkpoint is None
    assert found.replays[1].checkpoint is not None


def test_no_steps_are_done_where_none_are_asked_for(here):
    with BundleFile(here.bundled(here.train())) as file:
        assert verify(Bundled(file), 0).replays == []


def test_a_run_that_was_never_begun_is_sound_and_nothing_of_it_can_be_repeated(here):
    run = here.registry.create_run(RunSpec(plugin="tiny")).id
    here.registry.command(run, Command(name="stop", reason="not now"))

    with BundleFile(here.bundled(run)) as file:
        assert verify(Bundled(file), 5).replays == []


def forged(here: Home, change: Any) -> Path:
    """A bundle whose journal somebody changed, with every hash in it made anew."""
    run = here.train()
    events = [entry.event for entry in here.registry.events(run)]
    record = here.registry.create_run(here.registry.run(run).spec)
    here.registry.append(record.id, 1, change(events))
    return here.bundled(record.id)


def test_a_forged_figure_is_found_by_doing_the_step_again(here):
    def flattered(events: list[Event]) -> list[Event]:
        return [
            structs.replace(event, loss=0.001) if getattr(event, "loss", 0) and n == 2 else event
            for n, event in enumerate(events)
        ]

    with BundleFile(forged(here, flattered)) as file:
        first, second = verify(Bundled(file), 3).replays

    assert first.difference is not None
    assert [found.path for found in first.difference.differences] == ["loss"]
    assert first.difference.differences[0].one == 0.001
    assert second.difference is None


def test_a_checkpoint_that_is_forged_is_refused_and_no_crash(here):
    def nonsense(events: list[Event]) -> list[Event]:
        saved = next(event for event in events if isinstance(event, CheckpointSaved))
        arrays, values = decode(here.blobs.get(saved.sha256))
        values["loop"]["step"] = "x"
        name = here.blobs.put(encode(arrays, values))
        return [
            structs.replace(event, sha256=name) if isinstance(event, CheckpointSaved) else event
            for event in events
        ]

    with (
        BundleFile(forged(here, nonsense)) as file,
        pytest.raises(DataError, match="cannot be done again from step"),
    ):
        verify(Bundled(file), 1)


def test_another_machine_is_told_and_is_no_difference_by_itself(here, monkeypatch):
    path = here.bundled(here.train())

    def elsewhere(*arguments: Any) -> Provenance:
        found = provenance(*arguments)
        cpu = structs.replace(found.environment, cpu="another")
        return structs.replace(found, environment=cpu)

    monkeypatch.setattr("azuraforge.actors.training.execution.provenance", elsewhere)
    with BundleFile(path) as file:
        replays = verify(Bundled(file), 3).replays

    assert [report.difference for report in replays] == [None, None]
    assert all(told.endswith("and is another") for report in replays for told in report.provenance)
    assert len(replays[0].provenance) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"step": -1}, "step is -1"),
        ({"step": 2**31}, "step is 2147483648"),
        ({"epoch": 2**70}, "epoch is 1180591620717411303424"),
        ({"sha256": "../../x"}, "is no name of a blob"),
    ],
)
def test_values_that_no_trainer_writes_are_refused(here, change, reason):
    run = here.train()
    texts = here.registry.texts(run)
    number = next(n for n, text in enumerate(texts) if '"type":"checkpoint"' in text)
    saved = here.registry.events(run)[number].event
    assert isinstance(saved, CheckpointSaved)
    path = here.bundled(run)

    with BundleFile(path) as file:
        file.texts[number] = msgspec.json.encode(structs.replace(saved, **change))
        with pytest.raises(DataError, match=f"line {number + 1}: .*{reason}"):
            Bundled(file)


@pytest.mark.parametrize("text", [b"{}", b"\xff", b'{"type":"step"}', b"[" * 100_000])
def test_a_line_that_is_no_event_is_refused_by_its_number(here, text):
    with BundleFile(here.bundled(here.train())) as file:
        file.texts[3] = text
        with pytest.raises(DataError, match=r"journal\.jsonl, line 4: "):
            Bundled(file)


def test_a_blob_that_no_event_names_is_refused(here):
    path = here.bundled(here.train())

    with BundleFile(path) as file:
        file.blobs = file.blobs | {"0" * 64}
        with pytest.raises(DataError, match="its journal does not name"):
            Bundled(file)


def test_weights_that_did_not_come_along_are_missed(here):
    run = here.train()
    weights = here.registry.model("tiny").weights

    with BundleFile(here.bundled(run)) as file:
        file.blobs = file.blobs - {weights}
        with pytest.raises(DataError, match=f"the weights {weights} of its run are missing"):
            Bundled(file)


def test_nothing_of_a_journal_that_cannot_be_is_taken_in(here, there):
    path = here.bundled(here.train())

    with BundleFile(path) as file:
        file.texts.append(file.texts[3])
        with pytest.raises(DataError, match="the run had ended"):
            Bundled(file)
    with BundleFile(path) as file:
        bundled = Bundled(file)
        bundled.texts.insert(0, bundled.texts[-1])
        with pytest.raises(RefusedError, match=r"has ended \(finished\)"):
            unbundle(there.registry, there.blobs, bundled)

    assert there.registry.runs() == []
    assert there.registry.models() == []


def test_only_the_run_itself_is_in_a_bundle(here):
    with BundleFile(here.bundled(here.train())) as file:
        bundled = Bundled(file)
        with pytest.raises(NotFoundError):
            bundled.run("other")
        assert "0" * 64 not in bundled.blobs
