from __future__ import annotations

import pytest

from azuraforge.cli.space import space_of
from azuraforge.errors import ConfigError
from azuraforge.schema.specs import Choice, Range, RunSpec

pytestmark = pytest.mark.usefixtures("toy")
BASE = RunSpec(plugin="toy", config={"path": "rows.csv"})


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("optim.lr", "1e-4..1e-1:log", Range(low=1e-4, high=1e-1, log=True)),
        ("optim.lr", "0.1..0.5", Range(low=0.1, high=0.5)),
        ("width", "4..32", Range(low=4, high=32, whole=True)),
        ("width", "4,8,16", Choice(values=[4, 8, 16])),
        ("optim.lr", "0.1,1", Choice(values=[0.1, 1.0])),
        ("shape", "round,square", Choice(values=["round", "square"])),
        ("path", "../a.csv,../b.csv", Choice(values=["../a.csv", "../b.csv"])),
    ],
)
def test_numbers_with_two_dots_between_are_a_range_and_all_else_is_a_list(
    path: str, text: str, expected: Range | Choice
) -> None:
    assert space_of(BASE, [(path, text)]) == {path: expected}


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("widht", "1,2", "did you mean width?"),
        ("width", "1,200", "<= 64"),
        ("width", "1..200", "<= 64"),
        ("width", "1.5..3", "a whole number"),
        ("width", "8..4", "low < high"),
        ("shape", "round,oval", "one of round, square"),
        ("path", "1..2", "a range is for numbers"),
    ],
)
def test_what_the_setting_does_not_take_is_refused_before_any_trial(
    path: str, text: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        space_of(BASE, [(path, text)])


def test_a_logarithmic_range_begins_above_zero() -> None:
    base = RunSpec(plugin="toy", config={"path": "rows.csv"})

    with pytest.raises(ConfigError, match="low > 0"):
        space_of(base, [("optim.momentum", "0..0.9:log")])
