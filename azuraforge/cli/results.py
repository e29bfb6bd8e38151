"""What a run came to, in tables: test metrics beside their baselines, unseen examples, the model.

Pure: records in, text out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from azuraforge.cli.progress import BASELINES
from azuraforge.cli.table import cell, number, table
from azuraforge.plugin import Example
from azuraforge.schema.events import Metrics
from azuraforge.schema.records import ModelVersion

ERRORS = ("loss", "error", "mae", "mse", "rmse", "mape", "perplexity")  # lower is better
SCORES = ("accuracy", "r2", "f1", "auc", "precision", "recall")  # higher is better
SHOWN_KEYS = 3  # of a prediction, in a row of a table
LONGEST_LABEL = 24  # characters; a longer text is prose, neither right nor wrong


def pairs(metrics: Metrics) -> str:
    """Metrics in one line: loss 0.1234, accuracy 0.9713."""
    return ", ".join(f"{name} {number(float(value))}" for name, value in metrics.items())


def metrics_table(metrics: Metrics, monitor: str, mode: Literal["min", "max"]) -> str:
    """Every metric beside its baselines, which of them is better, and a plain word on each loss."""
    own = [name for name in metrics if not name.startswith(BASELINES)]
    baselines = [prefix for prefix in BASELINES if any(n.startswith(prefix) for n in metrics)]
    if not baselines:
        return table(["metric", "model"], [[name, metrics[name]] for name in own])
    only = [n.removeprefix(p) for p in baselines for n in metrics if n.startswith(p)]
    rows, lost = [], dict[str, list[str]]()
    for name in dict.fromkeys([*own, *only]):
        values = {"model": metrics.get(name)}
        values |= {prefix.rstrip("_"): metrics.get(prefix + name) for prefix in baselines}
        best = better(name, values, mode if name == monitor else None)
        rows.append([name, *values.values(), best])
        if best in {prefix.rstrip("_") for prefix in baselines} and name in own:
            lost.setdefault(best, []).append(name)
    headers = ["metric", "model", *(prefix.rstrip("_") for prefix in baselines), "better"]
    verdicts = [
        f"The {winner} baseline beats the model on {', '.join(names)}."
        for winner, names in lost.items()
    ] or ["The model is not beaten by its baseline on any metric."]
    return "\n".join([table(headers, rows), *verdicts])


def better(
    metric: str, values: Mapping[str, float | None], mode: Literal["min", "max"] | None = None
) -> str:
    """Whose value of this metric is best; `equal`, or nothing where that cannot be said."""
    there = {name: value for name, value in values.items() if value is not None}
    mode = mode or _mode(metric)
    if mode is None or len(there) < 2:
        return ""
    best = min(there.values()) if mode == "min" else max(there.values())
    winners = [name for name, value in there.items() if value == best]
    return winners[0] if len(winners) == 1 else "equal"


def registration(model: ModelVersion, champion: ModelVersion) -> str:
    """Which version the model became and whether it is champion, and if not, who is and why."""
    told = f"registered: {model.name} version {model.version}"
    if champion.version == model.version:
        return f"{told}, now champion"
    if (champion.monitor, champion.mode) != (model.monitor, model.mode):
        return (
            f"{told}; champion stays version {champion.version}: it was judged by "
            f"{champion.monitor}, this one by {model.monitor}, and the two do not compare"
        )
    ours, theirs = (m.validation[model.monitor] for m in (model, champion))
    aim = "higher" if model.mode == "max" else "lower"
    return (
        f"{told}; champion stays version {champion.version}: validation {model.monitor} "
        f"{number(theirs)} there, {number(ours)} here, {aim} is better"
    )


def predictions_table(
    predictions: Sequence[Mapping[str, Any]], examples: Sequence[Example] | None = None
) -> str:
    """One row per prediction, beside the truth where there is one; texts of lines as they are."""
    scalars = [key for key, value in predictions[0].items() if _is_scalar(value)]
    keys = scalars[:SHOWN_KEYS]
    if examples is None and keys and any("\n" in str(one.get(keys[0])) for one in predictions):
        return prose([str(one.get(keys[0])) for one in predictions])
    headers = ["#", *keys]
    rows: list[list[object]] = [
        [i, *(prediction.get(key) for key in keys)] for i, prediction in enumerate(predictions, 1)
    ]
    if examples is not None and keys:
        headers += ["truth", ""]
        for row, prediction, example in zip(rows, predictions, examples, strict=True):
            truth = example.truth
            truth = truth.get(keys[0], truth) if isinstance(truth, Mapping) else truth
            row += [truth, verdict(prediction.get(keys[0]), truth)]
    left_out = [key for key in predictions[0] if key not in keys]
    note = [f"left out: {', '.join(left_out)}; --json has all"] if left_out else []
    return "\n".join([table(headers, rows), *note])


def prose(texts: Sequence[str]) -> str:
    """Texts under their numbers, a line a line."""
    return "\n".join(
        line
        for i, text in enumerate(texts, 1)
        for line in (f"# {i}", *map(cell, text.split("\n")), "")
    )


def verdict(predicted: object, truth: object) -> str:
    """`ok` or `wrong` for what is equal or not; for measured numbers, how far off."""
    if any(isinstance(value, str) and len(value) > LONGEST_LABEL for value in (predicted, truth)):
        return ""
    if isinstance(predicted, bool | int | str) and isinstance(truth, bool | int | str):
        return "ok" if predicted == truth else "wrong"
    if isinstance(predicted, int | float) and isinstance(truth, int | float):
        return f"off by {predicted - truth:+.4g}"
    return ""


def _mode(metric: str) -> Literal["min", "max"] | None:
    words = metric.split("_")
    if any(word in words for word in ERRORS):
        return "min"
    return "max" if any(word in words for word in SCORES) else None


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)
