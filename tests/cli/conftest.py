from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from azuraforge.cli.main import main

Install = Callable[[str, str], None]
Ask = Callable[..., int]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a plugin of this name whose module has this source, for as long as the test."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site))  # for processes that a test starts

    def install(name: str, source: str) -> None:
        module = f"plugin_{name}_{abs(hash(site))}"  # modules stay in sys.modules between tests
        (site / f"{module}.py").write_text(source)
        metadata = site / f"{module}-1.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
        (metadata / "entry_points.txt").write_text(
            f"[azuraforge.plugins]\n{name} = {module}:plugin\n"
        )

    return install


CONFIG_ONLY = '''
"""A plugin that can be listed and configured; nothing in these tests builds it."""
from typing import Annotated, Literal
from msgspec import Meta
from azuraforge.schema.config import PluginConfig

class Config(PluginConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: Annotated[str, Meta(description="a file of rows")]
    width: Annotated[int, Meta(ge=1, le=64, description="units of a layer")] = 8
    shape: Literal["round", "square"] = "round"

class Plugin:
    name, summary, version, config = "toy", "a toy", "1.2", Config

plugin = Plugin()
'''


TRAINABLE = '''
"""Points on a plane through the origin: a plugin that trains in a blink."""
import numpy as np
from azuraforge.engine import Tensor, nn, no_grad
from azuraforge.engine.data import TensorDataset
from azuraforge.engine.nn import functional as F
from azuraforge.errors import DataError
from azuraforge.plugin import Example, Task
from azuraforge.schema.config import PluginConfig

def splits(generator):
    x = generator.child("data").normal((96, 2)).astype(np.float32)
    y = (x @ np.array([[2.0], [-1.0]], np.float32)).astype(np.float32)
    return [(x[i : i + 32], y[i : i + 32]) for i in (0, 32, 64)]

def metrics(outputs, rows):
    y = rows.arrays[1]
    return {"mae": float(abs(outputs - y).mean()), "persistence_mae": float(abs(y).mean())}

class Plugin:
    name, summary, version, config = "plane", "a plane", "1.0", PluginConfig

    def build(self, config, generator):
        train, validation, test = (TensorDataset(*rows) for rows in splits(generator))
        return Task(
            name="plane", model=self.model(config, {}), train=train, validation=validation,
            test=test, loss=F.mse_loss, metrics=metrics, monitor="mae", mode="min", unit="points",
        )

    def model(self, config, state):
        return nn.Sequential(nn.Linear(2, 1))

    def predict(self, model, config, state, inputs):
        for i, point in enumerate(inputs):
            if not isinstance(point, list) or len(point) != 2:
                raise DataError(f"input {i}: {point!r}; allowed: two numbers")
        with no_grad():
            heights = model(Tensor(np.array(inputs, np.float32))).numpy()[:, 0]
        return [{"height": float(h), "point": p} for h, p in zip(heights, inputs, strict=True)]

    def examples(self, config, generator, count):
        x, y = splits(generator)[2]
        return [Example(input=p.tolist(), truth=float(h[0])) for p, h in zip(x, y)][:count]

plugin = Plugin()
'''


@pytest.fixture
def plane(install: Install) -> None:
    """A plugin `plane` that trains: two inputs, one output, `mae` beside a baseline's."""
    install("plane", TRAINABLE)


@pytest.fixture
def toy(install: Install) -> None:
    """A plugin `toy` with a required setting."""
    install("toy", CONFIG_ONLY)


@pytest.fixture
def broken(install: Install) -> None:
    """A plugin `broken` that does not import."""
    install("broken", "import no_such_module")


@pytest.fixture
def ask(plane: None, tmp_path: Path) -> Ask:
    """A command in a home of the test's own; its exit status."""
    return lambda *words: main([*words, "--home", str(tmp_path / "home")])


@pytest.fixture
def train(ask: Ask, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Trains `plane` for six steps, a checkpoint after each, the last two kept; the run's id."""

    def train(*settings: str) -> str:
        words = [word for setting in settings for word in ("--set", setting)]
        epochs = ("--set", "training.epochs=6")
        assert ask("train", "plane", "--runtime", "local", "--json", *epochs, *words) == 0
        last = capsys.readouterr().out.splitlines()[-1]
        return str(json.loads(last)["id"])

    return train
