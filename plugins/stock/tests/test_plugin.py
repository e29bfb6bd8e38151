"""The stock plugin: the contract, what it learns, what it forecasts and what it refuses."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from azuraforge_stock import plugin
from azuraforge_stock.config import StockConfig
from azuraforge_stock.plugin import task_name
from azuraforge_stock.prices import read

from azuraforge.engine import Generator
from azuraforge.engine.optim import Adam
from azuraforge.engine.train import Loop
from azuraforge.errors import ConfigError, DataError
from azuraforge.plugin import Task
from azuraforge.plugin_check import RULES, Subject
from azuraforge.schema.config import configure
from azuraforge.schema.specs import ModelName

DATA = Path(os.environ.get("AZURAFORGE_DATA", Path(__file__).parents[4] / "shared" / "data"))
COLUMNS = ("Close", "Volume")


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_plugin_keeps_the_contract(
    rule: Callable[[Subject], None], layers: int, tmp_path: Path
) -> None:
    path = written(tmp_path, random_walk(120))

    rule(Subject(plugin, values(path) | {"model.layers": layers, "model.hidden": 4}))


def test_a_path_is_required() -> None:
    with pytest.raises(ConfigError, match=r"data\.path: got None; required"):
        configure(StockConfig, {})


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    path = written(tmp_path, random_walk(120))
    config = configure(StockConfig, {"data.path": str(path)})

    with pytest.raises(DataError, match="no column named 'Open'; the columns are Date, Close, Vol"):
        plugin.build(config, Generator(0))


def test_a_target_that_is_no_feature_is_read_beside_them(tmp_path: Path) -> None:
    path = written(tmp_path, random_walk(120))
    config = configure(StockConfig, values(path) | {"data.features": ["Volume"]})

    task = plugin.build(config, Generator(0))

    assert config.data.columns == ("Volume", "Close")
    assert task.train.arrays[0].shape[2] == 2


def test_a_change_that_repeats_is_learned(tmp_path: Path) -> None:
    # up 2 % after two days up 1 % ... a pattern of three days, which persistence never sees
    steps = np.tile([0.01, 0.01, -0.019], 100)
    path = written(tmp_path, np.column_stack([np.exp(3 + steps.cumsum()), random_walk(300)[:, 1]]))
    config = configure(StockConfig, values(path) | {"optim.lr": 0.01, "training.epochs": 5})

    task, loop = trained(config, seed=0)
    found = loop.evaluate(task.test)

    assert found["mae"] < 0.3 * found["persistence_mae"]
    assert found["direction_accuracy"] == 1.0


def test_the_baselines_figures_come_from_the_very_rows_of_the_forecast(tmp_path: Path) -> None:
    path = written(tmp_path, random_walk(200))
    config = configure(StockConfig, values(path))
    task = plugin.build(config, Generator(0))

    unmoved = -task.state["target_mean"] / task.state["target_std"]  # a change of zero
    outputs = np.full((len(task.test), 1), unmoved)
    found = task.metrics(outputs, task.test)

    close = read(path, ["Close"], date="Date").column("Close")
    moves = np.abs(np.diff(close))[-30:]  # 15 % of 200 rows
    assert found["mae"] == pytest.approx(moves.mean())
    assert found["mae"] == pytest.approx(found["persistence_mae"])
    assert found["rmse"] == pytest.approx(np.sqrt((moves**2).mean()))


def test_a_forecast_says_price_change_and_direction(tmp_path: Path) -> None:
    config, task = built(tmp_path)
    window = rows(5)

    (forecast,) = plugin.predict(task.model, config, task.state, [window])

    assert list(forecast) == ["close", "change", "direction"]
    assert forecast["close"] - window[-1]["Close"] == forecast["change"]
    assert forecast["direction"] == ("up" if forecast["change"] >= 0 else "down")


def test_rows_by_name_in_order_and_with_more_columns_are_forecast_alike(tmp_path: Path) -> None:
    config, task = built(tmp_path)
    named = rows(5)
    listed = [[row["Close"], row["Volume"]] for row in named]
    more = [{"Date": "2017-01-01", **row} for row in named]

    a, b, c = plugin.predict(task.model, config, task.state, [named, listed, more])

    assert a == b == c


def test_a_forecast_of_the_test_rows_is_what_the_metrics_measure(tmp_path: Path) -> None:
    config, task = built(tmp_path)
    examples = plugin.examples(config, Generator(0), 1000)

    forecasts = plugin.predict(task.model, config, task.state, [e.input for e in examples])

    truth = np.array([example.truth for example in examples])
    np.testing.assert_array_equal(truth, task.test.arrays[3])
    mae = np.abs(np.array([forecast["close"] for forecast in forecasts]) - truth).mean()
    loop = loop_of(task, config, Generator(0))
    assert loop.evaluate(task.test)["mae"] == pytest.approx(mae, rel=1e-5)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (7, "input 1: 7; allowed: a list of 5 rows, oldest first, each with Close, Volume"),
        ([], "input 1: 0 rows; allowed: a list of 5 rows"),
        ([[1, 2]] * 4, "input 1: 4 rows; allowed: a list of 5 rows"),
        ([[1, 2]] * 4 + [[1]], r"input 1, row 4: \[1\]; allowed: numbers by name, or a list"),
        ([[1, 2]] * 4 + ["12"], "input 1, row 4: '12'; allowed: numbers by name, or a list"),
        ([[1, 2]] * 4 + [{"Close": 1}], "input 1, row 4: no Volume; allowed: a number for each"),
        ([[1, 2]] * 4 + [[1, math.nan]], "input 1, row 4: Volume is nan; allowed: a number > 0"),
        ([[1, 2]] * 4 + [[math.inf, 1]], "input 1, row 4: Close is inf; allowed: a number > 0"),
        ([[1, 2]] * 4 + [[0, 1]], "input 1, row 4: Close is 0; allowed: a number > 0"),
        ([[1, 2]] * 4 + [[1, "2"]], "input 1, row 4: Volume is '2'; allowed: a number > 0"),
        ([[1, 2]] * 4 + [[1, True]], "input 1, row 4: Volume is True; allowed: a number > 0"),
        ([[1, 2]] * 4 + [[1, 10**400]], "input 1, row 4: Volume is 10+; allowed: a number > 0"),
    ],
)
def test_an_input_that_is_no_window_is_refused_with_its_place_and_what_is_allowed(
    wrong: Any, said: str, tmp_path: Path
) -> None:
    config, task = built(tmp_path)

    with pytest.raises(DataError, match=said):
        plugin.predict(task.model, config, task.state, [rows(5), wrong])


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("prices/AAPL.csv", "stock-aapl"),
        ("BRK.B 2017.csv", "stock-brk.b-2017"),
        ("~/données.csv", "stock-donn-es"),
        ("€€€.csv", "stock"),
        ("x" * 200 + ".csv", "stock-" + "x" * 94),
    ],
)
def test_a_model_is_named_after_its_file(path: str, name: str) -> None:
    assert task_name(path) == name
    assert msgspec.convert(task_name(path), ModelName) == name


def test_apples_price_is_forecast_beside_an_honest_baseline() -> None:
    path = DATA / "stocks" / "AAPL.csv"
    if not path.exists():
        pytest.skip(f"no stocks/AAPL.csv in {DATA}; name a folder in AZURAFORGE_DATA")
    config = configure(StockConfig, {"data.path": str(path), "training.epochs": 2})

    task, loop = trained(config, seed=0)
    task.model.load_state_dict(loop.best_weights)
    found = loop.evaluate(task.test)

    close = read(path, ["Close"], date="Date").column("Close")
    moves = np.diff(close)[-189:]  # 15 % of 1,258 rows
    assert found["persistence_mae"] == pytest.approx(np.abs(moves).mean())
    assert found["persistence_rmse"] == pytest.approx(np.sqrt((moves**2).mean()))
    # A daily price is close to a random walk: much better than persistence would be a leak.
    assert 0.97 < found["rmse"] / found["persistence_rmse"] < 1.1


def values(path: Path) -> dict[str, Any]:
    return {"data.path": str(path), "data.features": list(COLUMNS), "data.window": 5}


def built(folder: Path) -> tuple[StockConfig, Task]:
    config = configure(StockConfig, values(written(folder, random_walk(120))))
    return config, plugin.build(config, Generator(0))


def rows(count: int) -> list[dict[str, float]]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in random_walk(count, seed=5).tolist()]


def random_walk(count: int, seed: int = 0) -> np.ndarray[Any, Any]:
    steps = np.random.default_rng(seed).normal(0, 0.02, (count, 2))
    walk: np.ndarray[Any, Any] = np.exp(3 + np.cumsum(steps, axis=0))
    return walk


def written(folder: Path, walk: np.ndarray[Any, Any]) -> Path:
    path = folder / "Prices.csv"
    day = np.datetime64("2017-01-01")
    lines = [f"{day + i},{close},{volume}" for i, (close, volume) in enumerate(walk.tolist())]
    path.write_text("\n".join(["Date,Close,Volume", *lines]))
    return path


def trained(config: StockConfig, *, seed: int) -> tuple[Task, Loop]:
    generator = Generator(seed)
    task = plugin.build(config, generator)
    loop = loop_of(task, config, generator)
    list(loop)
    return task, loop


def loop_of(task: Task, config: StockConfig, generator: Generator) -> Loop:
    return Loop(
        model=task.model,
        optimizer=Adam(task.model.parameters(), lr=config.optim.lr),
        loss=task.loss,
        metrics=task.metrics,
        train=task.train,
        validation=task.validation,
        monitor=task.monitor,
        mode=task.mode,
        epochs=config.training.epochs,
        batch_size=config.training.batch_size,
        generator=generator.child("loop"),
    )
