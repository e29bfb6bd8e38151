"""Figures beside the paper's: what counts as reached, what is printed and kept."""

from __future__ import annotations

import msgspec
import pytest

from benchmarks.evidence.figure import Evidence, Figure, arguments, report


def figure(ours: float, published: str = "0.375") -> Figure:
    return Figure(what="MSE", published=published, ours=ours, seconds=1.0)


@pytest.mark.parametrize(
    ("ours", "is_reached"), [(0.37, True), (0.3754, True), (0.3756, False), (0.38, False)]
)
def test_a_figure_is_reached_that_is_lower_or_the_same_when_rounded(ours, is_reached):
    assert figure(ours).is_reached is is_reached


def test_ours_is_printed_with_a_digit_more_and_a_word_if_it_is_above():
    assert figure(1.2345, published="1.23").line().split() == ["MSE", "1.23", "1.234", "1"]
    assert figure(1.3, published="1.23").line().endswith(" above")


def test_a_report_prints_each_figure_and_keeps_them_all(tmp_path, capsys):
    path = tmp_path / "evidence.json"
    options = arguments("x", "what").parse_args(["--seed", "5", "--save", str(path)])

    status = report("a paper", options, lambda generator: [figure(generator.key / 10)])

    kept = msgspec.json.decode(path.read_bytes(), type=Evidence)
    assert status == 1
    assert "0.5000" in capsys.readouterr().out
    assert (kept.seed, kept.source, kept.figures) == (5, "a paper", [figure(0.5)])


def test_a_report_of_figures_that_are_all_reached_has_status_0():
    options = arguments("x", "what").parse_args([])

    assert report("a paper", options, lambda generator: [figure(0.3)]) == 0
