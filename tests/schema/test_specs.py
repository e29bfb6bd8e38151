from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from azuraforge.schema.specs import Choice, Range, RunSpec, StudySpec, spec_hash

texts = st.text(st.characters(codec="utf-8"), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e9, 1e9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
runs = st.builds(
    RunSpec,
    plugin=texts,
    config=st.dictionaries(texts, values, max_size=4),
    seed=st.integers(0, 2**63 - 1),
    device=st.sampled_from(["cpu", "cuda"]),
    threads=st.integers(1, 1024),
    model=st.none() | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", fullmatch=True),
    study=st.none() | texts,
)
spaces = st.builds(
    Range, low=st.floats(-1e9, 1e9), high=st.floats(-1e9, 1e9), log=st.booleans()
) | st.builds(Choice, values=st.lists(values, min_size=1, max_size=3))
studies = st.builds(
    StudySpec, base=runs, space=st.dictionaries(texts, spaces, min_size=1, max_size=3)
)
RUN = {"plugin": "images", "seed": 2**63 - 1}


@pytest.mark.parametrize(
    ("spec", "values"),
    [(RunSpec, RUN), (StudySpec, {"base": RUN, "space": {"x": {"type": "choice", "values": [1]}}})],
)
def test_a_spec_is_read_from_json_and_written_back_unchanged(spec, values):
    document = msgspec.json.encode(values)

    read = msgspec.json.decode(document, type=spec)
    again = msgspec.json.decode(msgspec.json.encode(read), type=spec)

    assert again == read


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_that_is_no_63_bit_number_is_refused(seed):
    document = msgspec.json.encode({"plugin": "images", "seed": seed})

    with pytest.raises(msgspec.ValidationError, match="seed"):
        msgspec.json.decode(document, type=RunSpec)


@given(spec=runs | studies)
def test_any_spec_comes_back_from_json_equal(spec):
    assert msgspec.json.decode(msgspec.json.encode(spec), type=type(spec)) == spec


@given(spec=runs, seed=st.integers(0, 2**63 - 1))
def test_equal_specs_have_equal_hashes_and_others_do_not(spec, seed):
    reordered = structs.replace(spec, config=dict(reversed(spec.config.items())))

    assert spec_hash(reordered) == spec_hash(spec)
    assert (spec_hash(structs.replace(spec, seed=seed)) == spec_hash(spec)) == (seed == spec.seed)
