from __future__ import annotations

import msgspec
import pytest

from azuraforge.schema.specs import RunSpec, StudySpec

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
