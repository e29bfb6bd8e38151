"""What is kept beside journals: labels, artifacts, data, lineage, aliases, studies, keys."""

from __future__ import annotations

from itertools import count

import pytest

from azuraforge.actors.recording.registry import Registry
from azuraforge.errors import ConfigError, NotFoundError, RefusedError
from azuraforge.schema.catalogue import Artifact, Lineage
from azuraforge.schema.events import RunFinished, RunStarted, RunStopped, StepFinished
from azuraforge.schema.provenance import Environment, Provenance
from azuraforge.schema.records import ForkPoint, Trial
from azuraforge.schema.specs import Choice, RunSpec, StudySpec

SPEC = RunSpec(plugin="images", config={"optim": {"lr": 0.1, "name": "sgd"}, "training.epochs": 2})
DATA = {"train": "a" * 64, "test": "b" * 64}
PROVENANCE = Provenance(
    azuraforge="1",
    plugin="1",
    code="c",
    data=DATA,
    environment=Environment(python="3.11", cpu="x", libraries={}),
)
STARTED = RunStarted(
    spec_hash="0" * 64,
    model="digits",
    monitor="accuracy",
    mode="max",
    parameters=10,
    samples={"train": 80},
    epochs=2,
    steps=20,
    threads=1,
    provenance=PROVENANCE,
)
STEP = StepFinished(step=1, epoch=1, loss=0.5, lr=0.1, grad_norm=1.0)
STOPPED = RunStopped(step=1, reason="enough")


def finished(accuracy: float) -> RunFinished:
    return RunFinished(
        step=20, best_epoch=1, validation={"accuracy": accuracy}, test={}, weights="d" * 64
    )


pytestmark = pytest.mark.usefixtures("any_database")


@pytest.fixture
def registry(tmp_path, clock):
    ids = (f"run-{number}" for number in count(1))
    registry = Registry(tmp_path, clock=clock, new_id=lambda: next(ids))
    yield registry
    registry.close()


def test_experiments_count_their_runs_and_say_what_they_are_about(registry, clock):
    registry.create_run(SPEC)
    registry.create_run(SPEC, experiment="depth")
    registry.describe_experiment("depth", "how deep is enough")
    registry.describe_experiment("width", "not yet")

    found = [(one.name, one.description, one.runs) for one in registry.experiments()]

    assert found == [
        ("default", "", 1),
        ("depth", "how deep is enough", 1),
        ("width", "not yet", 0),
    ]


def test_params_are_the_config_by_dotted_path(registry):
    run = registry.create_run(SPEC).id

    assert registry.params(run) == {"optim.lr": 0.1, "optim.name": "sgd", "training.epochs": 2}


def test_runs_are_found_by_a_value_of_their_config(registry):
    slow = RunSpec(plugin="images", config={"optim": {"lr": 0.001, "name": "sgd"}})
    one, other = registry.create_run(SPEC).id, registry.create_run(slow).id

    def found(param: str) -> list[str]:
        return [record.id for record in registry.runs(param=param)]

    assert found("optim.lr=1e-3") == [other]
    assert found("optim.name=sgd") == [other, one]
    assert found("optim.name=adam") == []
    with pytest.raises(ConfigError, match="path=value"):
        found("optim.lr")


def test_tags_are_given_replaced_and_taken_while_the_journal_goes_on(registry):
    run = registry.create_run(SPEC, tags={"who": "ada"}).id
    registry.tag(run, {"who": "bob", "note": "übung"})
    registry.append(run, 1, [STARTED])

    registry.untag(run, ["note", "nothing"])

    assert registry.run(run).tags == {"who": "bob"}
    assert registry.run(run).state == "running"
    assert [one.id for one in registry.runs(tag="who=bob")] == [run]
    assert registry.runs(tag="note") == []
    with pytest.raises(ConfigError, match="without '='"):
        registry.tag(run, {"a=b": "c"})


def test_an_artifact_keeps_its_blob_from_collection(registry, clock):
    run = registry.create_run(SPEC).id
    first = Artifact(name="report.html", sha256="1" * 64, size_bytes=10, media_type="text/html")
    registry.log_artifact(run, first)

    kept = registry.log_artifact(run, Artifact(name="report.html", sha256="2" * 64, size_bytes=11))

    assert registry.artifacts(run) == [kept]
    assert kept.created_at == clock()
    assert registry.referenced() == {"2" * 64}
    with pytest.raises(ConfigError, match="sha256"):
        registry.log_artifact(run, Artifact(name="x", sha256="../etc", size_bytes=1))


def test_data_knows_its_runs_and_a_run_its_data(registry):
    runs = [registry.create_run(SPEC).id for _ in range(2)]
    for run in runs:
        registry.append(run, 1, [STARTED])
    registry.name_dataset("a" * 64, "digits of 1998")

    found = {one.sha256: (one.name, one.runs) for one in registry.datasets()}

    assert found == {"a" * 64: ("digits of 1998", 2), "b" * 64: ("images test", 2)}
    assert registry.lineage(runs[0]).datasets == DATA
    with pytest.raises(NotFoundError, match="no run was given"):
        registry.name_dataset("e" * 64, "nothing")


def test_lineage_goes_up_to_the_first_and_down_to_the_children(registry):
    first = registry.create_run(SPEC).id
    registry.append(first, 1, [STARTED, STEP])
    second = registry.fork(first, 1).id
    third = registry.fork(second, 1).id
    other = registry.fork(first, 0).id
    registry.append(third, 3, [finished(0.5)])

    assert registry.lineage(first).children == [second, other]
    assert registry.lineage(third) == Lineage(
        run=third,
        ancestors=[ForkPoint(run=second, step=1), ForkPoint(run=first, step=1)],
        children=[],
        datasets=DATA,
        models=["digits:1"],
    )


def test_an_alias_stands_for_a_version_until_it_is_moved_or_deleted(registry):
    for accuracy in (0.9, 0.5):
        registry.append(registry.create_run(SPEC).id, 1, [STARTED, finished(accuracy)])

    registry.set_alias("digits", "tested", "champion", by="ada")
    moved = registry.set_alias("digits", "tested", "2", by="ada")

    assert (moved.version, moved.aliases) == (2, ["tested"])
    assert registry.model("digits", "tested").version == 2
    registry.delete_alias("digits", "tested", by="bob")
    with pytest.raises(NotFoundError, match="no alias 'tested'"):
        registry.delete_alias("digits", "tested")
    with pytest.raises(ConfigError, match="a number stands for a version"):
        registry.set_alias("digits", "2", "1")
    with pytest.raises(ConfigError, match="alias"):
        registry.set_alias("digits", "../x", "1")
    assert [(one.who, one.what) for one in registry.audit()] == [
        ("bob", "delete-alias"),
        ("ada", "set-alias"),
        ("ada", "set-alias"),
    ]


def test_a_run_is_deleted_with_all_that_is_kept_of_it_alone(registry):
    run = registry.create_run(SPEC, tags={"a": "b"}).id
    registry.append(run, 1, [STARTED, STEP])
    child = registry.fork(run, 1).id
    registry.append(run, 3, [STOPPED])

    registry.delete_run(run, by="ada")

    with pytest.raises(NotFoundError):
        registry.run(run)
    assert registry.run(child).parent == ForkPoint(run=run, step=1)
    assert [entry.event for entry in registry.events(child)] == [STARTED, STEP]
    assert [(one.what, one.subject) for one in registry.audit()] == [("delete-run", run)]


def test_a_run_that_is_on_kept_or_has_made_a_model_is_not_deleted(registry):
    running, kept, made = (registry.create_run(SPEC).id for _ in range(3))
    registry.append(running, 1, [STARTED])
    registry.append(kept, 1, [STARTED, STOPPED])
    registry.tag(kept, {"keep": ""})
    registry.append(made, 1, [STARTED, finished(0.5)])

    for run, told in ((running, "stop it"), (kept, "tag 'keep'"), (made, "digits:1 is of it")):
        with pytest.raises(RefusedError, match=told):
            registry.delete_run(run)


def test_a_study_stands_as_its_trials_were_last_told(registry):
    spec = StudySpec(base=SPEC, space={"optim.lr": Choice(values=[0.1, 0.2])})
    registry.create_study("s", spec)
    for number in (2, 1):
        registry.put_trial("s", Trial(number=number, values={"optim.lr": 0.1}))
    run = registry.create_run(SPEC).id
    registry.append(run, 1, [STARTED])
    registry.put_trial("s", Trial(number=1, values={"optim.lr": 0.1}, run=run, value=0.5))
    registry.put_trial("s", Trial(number=3, values={"optim.lr": 0.2}, value=0.75))

    study = registry.study("s")

    assert [(trial.number, trial.run) for trial in study.trials] == [(1, run), (2, None), (3, None)]
    assert (study.monitor, study.mode, study.best) == ("accuracy", "max", 3)
    assert registry.study_spec("s") == spec
    assert registry.studies() == ["s"]
    with pytest.raises(RefusedError, match="there already"):
        registry.create_study("s", spec)
    with pytest.raises(NotFoundError, match="no study 't'"):
        registry.put_trial("t", Trial(number=1, values={}))


def test_a_secret_lets_its_holder_in_until_it_is_revoked(registry, clock):
    registry.add_user("ada")
    made = registry.create_key("ada", ["read", "write"], "laptop")

    assert registry.authenticate(made.secret) == made.key
    clock.advance(1)
    revoked = registry.revoke_key(made.key.id, by="bob")

    assert revoked.revoked_at == clock()
    assert registry.keys("ada") == [revoked]
    with pytest.raises(RefusedError, match="unknown or revoked"):
        registry.authenticate(made.secret)


def test_whatever_is_not_the_secret_is_refused_alike(registry):
    registry.add_user("ada")
    made = registry.create_key("ada", ["read"])
    told = set()

    for secret in ("", "azf", made.key.id, f"azf_{made.key.id}_", made.secret[:-1], "azf_x_y"):
        with pytest.raises(RefusedError) as refused:
            registry.authenticate(secret)
        told.add(str(refused.value))

    assert len(told) == 1


def test_no_secret_is_in_the_home(registry, tmp_path):
    registry.add_user("ada")
    made = registry.create_key("ada", ["admin"])
    registry.close()

    word = made.secret.split("_", 2)[2].encode()
    assert all(word not in file.read_bytes() for file in tmp_path.iterdir())


def test_users_and_keys_that_cannot_be_are_refused(registry):
    registry.add_user("ada")

    with pytest.raises(RefusedError, match="there already"):
        registry.add_user("ada")
    with pytest.raises(ConfigError, match="user"):
        registry.add_user("")
    with pytest.raises(NotFoundError, match="no user 'bob'"):
        registry.create_key("bob", ["read"])
    with pytest.raises(ConfigError, match="scopes"):
        registry.create_key("ada", [])
    with pytest.raises(ConfigError, match="Invalid enum value 'root'"):
        registry.create_key("ada", ["root"])
    with pytest.raises(NotFoundError, match="no key"):
        registry.revoke_key("nothing")


def test_the_audit_trail_is_read_in_pages(registry):
    for number in range(5):
        registry.note("ada", "restart", f"service-{number}")

    first = registry.audit(limit=3)
    rest = registry.audit(limit=3, before=first[-1].number)

    assert [one.subject for one in first + rest] == [f"service-{n}" for n in (4, 3, 2, 1, 0)]
