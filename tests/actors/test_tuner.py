from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from azuraforge.actors.tuner import StartTrial, Tuner
from azuraforge.errors import ConfigError, NotFoundError
from azuraforge.schema.records import RunRecord
from azuraforge.schema.specs import Choice, Range, RunSpec, StudySpec

BASE = RunSpec(plugin="tiny", config={"training": {"epochs": 2}}, seed=5)
RATE = {"optim.lr": Range(low=1e-4, high=1.0, log=True)}


def study(space: dict[str, Any] = RATE, **settings: Any) -> StudySpec:
    return StudySpec(base=BASE, space=space, **settings)


def drawn(spec: StudySpec) -> list[dict[str, Any]]:
    """The values of every trial, each ended before the next begins."""
    tuner = Tuner(spec, "s1")
    starts = tuner.start()
    while starts:
        starts = [
            next_ for start in starts for next_ in tuner.ended(start.number, record("failed"))
        ]
    return [trial.values for trial in tuner.record().trials]


def record(state: Any, value: float = 0.0, mode: Any = "min") -> RunRecord:
    return RunRecord(
        id="r",
        spec=BASE,
        state=state,
        created_at=0.0,
        monitor="loss",
        mode=mode,
        metrics={"loss": value},
    )


def ended_with(tuner: Tuner, *values: float, mode: str = "min") -> None:
    for start, value in zip(tuner.start(), values, strict=True):
        tuner.began(start.number, f"run-{start.number}")
        tuner.ended(start.number, record("finished", value, mode))


@given(seed=st.integers(0, 2**63 - 1))
def test_what_is_drawn_is_a_function_of_seed_and_number(seed: int) -> None:
    five = drawn(study(trials=5, seed=seed))

    eight = drawn(study(trials=8, seed=seed, parallel=3))

    assert eight[:5] == five
    assert len({values["optim.lr"] for values in eight}) == 8


def test_another_seed_draws_other_values() -> None:
    assert drawn(study(seed=1)) != drawn(study(seed=2))


@given(
    bounds=st.tuples(st.floats(1e-6, 100), st.floats(1e-6, 100)).filter(lambda b: b[0] < b[1]),
    log=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_values_stay_within_their_range(bounds: tuple[float, float], log: bool, seed: int) -> None:
    low, high = bounds

    values = drawn(study({"optim.lr": Range(low=low, high=high, log=log)}, trials=20, seed=seed))

    assert all(low <= each["optim.lr"] <= high for each in values)


def test_a_logarithmic_range_is_even_in_the_logarithm() -> None:
    values = drawn(study(trials=400))

    decades = Counter(math.floor(math.log10(each["optim.lr"])) for each in values)
    assert set(decades) == {-4, -3, -2, -1}
    assert all(70 <= count <= 130 for count in decades.values())


@pytest.mark.parametrize("log", [False, True])
@given(low=st.floats(0.6, 50), width=st.floats(1.0, 50), seed=st.integers(0, 1000))
def test_whole_numbers_are_whole_and_within(log: bool, low: float, width: float, seed: int) -> None:
    axis = Range(low=low, high=low + width, log=log, whole=True)

    values = drawn(study({"training.batch_size": axis}, trials=10, seed=seed))

    for each in values:
        assert isinstance(each["training.batch_size"], int)
        assert low <= each["training.batch_size"] <= low + width


def test_the_ends_of_a_range_of_whole_numbers_are_drawn_as_often_as_the_rest() -> None:
    space = {"training.batch_size": Range(low=1, high=4, whole=True)}

    counts = Counter(each["training.batch_size"] for each in drawn(study(space, trials=800)))

    assert set(counts) == {1, 2, 3, 4}
    assert all(150 <= count <= 250 for count in counts.values())


def test_choices_are_drawn_from_the_list() -> None:
    values = drawn(study({"optim.name": Choice(values=["adam", "sgd"])}, trials=40))

    assert {each["optim.name"] for each in values} == {"adam", "sgd"}


def test_a_trials_spec_is_the_base_with_its_values_and_its_study() -> None:
    (start,) = Tuner(study(), "s1").start()

    assert start.spec.config["optim"]["lr"] == drawn(study())[0]["optim.lr"]
    assert start.spec.config["training"].items() >= {"epochs": 2, "batch_size": 8}.items()
    assert (start.spec.seed, start.spec.study) == (5, "s1")


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({"optim.rl": Range(low=1, high=2)}, r"no key 'optim\.rl'.*did you mean optim\.lr"),
        ({"optim": Choice(values=[1])}, "no key 'optim'"),
        ({"optim.lr": Range(low=2, high=1)}, "low < high"),
        ({"optim.lr": Range(low=1, high=1)}, "low < high"),
        ({"optim.lr": Range(low=0, high=1, log=True)}, "low > 0 on a logarithmic scale"),
        ({"optim.lr": Range(low=1, high=math.inf)}, "low < high"),
        ({"optim.lr": Range(low=1, high=1000)}, r"optim\.lr: got 1000"),
        ({"optim.lr": Range(low=-1, high=1)}, r"optim\.lr: got -1"),
        ({"training.epochs": Range(low=1, high=9)}, "whole number"),
        ({"training.epochs": Range(low=1.2, high=1.8, whole=True)}, "no whole number"),
        ({"optim.name": Choice(values=["adam", "rmsprop"])}, "got 'rmsprop'"),
        ({"optim.name": Range(low=1, high=2)}, r"optim\.name"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused_before_the_first_trial(
    space: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        Tuner(study(space), "s1")


def test_a_base_that_cannot_be_run_is_refused_before_the_first_trial() -> None:
    unknown = structs.replace(study(), base=RunSpec(plugin="none-such"))

    with pytest.raises(NotFoundError):
        Tuner(unknown, "s1")


def test_no_more_trials_run_at_once_than_allowed() -> None:
    tuner = Tuner(study(trials=5, parallel=2), "s1")

    first = tuner.start()
    while_two_run = tuner.start()
    after_one = tuner.ended(1, record("finished"))

    assert [start.number for start in first] == [1, 2]
    assert while_two_run == []
    assert [start.number for start in after_one] == [3]


def test_a_study_ends_with_its_last_trial() -> None:
    tuner = Tuner(study(trials=1, parallel=4), "s1")
    (only,) = tuner.start()

    left = tuner.ended(only.number, record("finished", 0.5))

    assert isinstance(only, StartTrial)
    assert left == []
    assert [trial.value for trial in tuner.record().trials] == [0.5]


@pytest.mark.parametrize(("mode", "best"), [("min", 2), ("max", 3)])
def test_the_best_trial_is_the_one_with_the_best_value(mode: str, best: int) -> None:
    tuner = Tuner(study(trials=3, parallel=3), "s1")

    ended_with(tuner, 0.5, -0.2, 0.7, mode=mode)

    assert tuner.record().best == best


@pytest.mark.parametrize("state", ["failed", "stopped"])
def test_a_trial_that_did_not_finish_does_not_count(state: Any) -> None:
    tuner = Tuner(study(trials=2, parallel=2), "s1")
    one, other = tuner.start()

    tuner.ended(one.number, record(state, 0.1))
    tuner.ended(other.number, record("finished", 0.9))

    assert [trial.value for trial in tuner.record().trials] == [None, 0.9]
    assert tuner.record().best == other.number


def test_a_study_without_a_finished_trial_has_no_best() -> None:
    tuner = Tuner(study(trials=1), "s1")
    (only,) = tuner.start()

    tuner.ended(only.number, record("failed"))

    assert tuner.record().best is None
