"""What engine/ offers stands under PyTorch's paths: `import azuraforge.nn.functional as F`."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from types import ModuleType

import pytest

import azuraforge

ENTRANCES = """
    amp data data.transforms metrics nn nn.functional nn.init nn.utils nn.utils.parametrizations
    nn.utils.parametrize nn.utils.rnn optim optim.lr_scheduler optim.swa_utils
""".split()


@pytest.mark.parametrize("name", ENTRANCES)
def test_a_public_module_offers_what_the_engines_does(name: str) -> None:
    written = import_module(f"azuraforge.engine.{name}")

    public = import_module(f"azuraforge.{name}")

    for each in getattr(written, "__all__", [n for n in vars(written) if not n.startswith("_")]):
        if not isinstance(getattr(written, each), ModuleType):  # which have entrances of their own
            assert getattr(public, each) is getattr(written, each)


@pytest.mark.parametrize("name", ENTRANCES)
def test_a_public_module_is_found_by_attributes_alone(name: str) -> None:
    code = f"import azuraforge; print(azuraforge.{name}.__name__)"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip().removeprefix("azuraforge.").removeprefix("engine.") == name


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'no_such'"):
        azuraforge.no_such
