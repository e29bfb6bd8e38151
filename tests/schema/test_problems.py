from __future__ import annotations

from pathlib import PurePosixPath

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge import errors
from azuraforge.errors import AzuraForgeError, ConfigError, FieldProblem, NonFiniteError
from azuraforge.schema.problems import KINDS, Problem, error_of, problem_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_an_error_comes_back_from_its_document_as_the_same_class_with_the_same_words(kind):
    error = kind.error("run 7: not this way")

    document = msgspec.json.encode(problem_of(error))
    again = error_of(msgspec.json.decode(document, type=Problem))

    assert type(again) is kind.error
    assert str(again) == "run 7: not this way"


@given(st.text(), st.lists(st.builds(FieldProblem, st.text(), JSON, st.text()), max_size=4))
def test_a_config_error_keeps_every_field_at_fault(message, problems):
    error = ConfigError(message or "invalid", tuple(problems))

    document = msgspec.json.encode(problem_of(error))
    again = error_of(msgspec.json.decode(document, type=Problem))

    assert isinstance(again, ConfigError)
    assert again.problems == tuple(problems)


def test_every_class_of_the_tree_has_a_document():
    classes = [
        found
        for found in vars(errors).values()
        if isinstance(found, type) and issubclass(found, AzuraForgeError)
    ]

    problems = {found: problem_of(found("x")) for found in classes}

    assert len(problems) > 10
    assert all(400 <= problem.status < 600 for problem in problems.values())


def test_a_class_without_a_kind_goes_by_the_class_above_it():
    error = NonFiniteError("step 3: loss is NaN")

    problem = problem_of(error, instance="/v1/runs/7")

    assert problem == Problem(
        type="/problems/failed",
        title="Failed",
        status=500,
        detail="step 3: loss is NaN",
        instance="/v1/runs/7",
    )


def test_a_value_that_json_has_no_word_for_is_told_by_its_repr():
    error = ConfigError("path: no", (FieldProblem("path", PurePosixPath("a/b"), "a text"),))

    problem = problem_of(error)

    assert problem.errors[0].value == "PurePosixPath('a/b')"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ConfigError),
        (404, errors.NotFoundError),
        (409, errors.RefusedError),
        (413, ConfigError),
        (502, errors.ServiceError),
    ],
)
def test_a_document_of_an_unknown_type_becomes_an_error_by_its_status(status, error):
    problem = Problem(type="about:blank", title="Some title", status=status)

    again = error_of(problem)

    assert type(again) is error
    assert str(again) == "Some title"
