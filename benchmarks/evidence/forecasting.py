"""ETTh1: linear forecasts of seven series, 336 hours in, 96 to 720 out; test MSE.

The protocol of the paper's code: 12, 4 and 4 months of 30 days to train, validate and test, scaled
by the training rows' mean and deviation; one layer shared by the seven channels; Adam, batches of
32 windows, the rate halved each epoch after the second; the weights of the best validation loss,
three worse ones in a row end it. The last windows that fill no batch are left out, in testing too.

One thing is ours: validated and tested are the weights' running averages over about 100 steps, for
the last step's alone make the figures of two seeds differ by 0.005 and more. `--average 0` is
without.

Source: Zeng et al. (2023), Are transformers effective for time series forecasting?, table 2.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from copy import deepcopy
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np

import azuraforge
from azuraforge import Tensor, nn
from azuraforge.data import DataLoader, StandardScaler, WindowDataset
from azuraforge.download import fetch
from azuraforge.engine.device import Array
from azuraforge.engine.random import Generator
from azuraforge.nn import functional as F
from azuraforge.optim import Adam
from azuraforge.optim.lr_scheduler import LambdaLR
from azuraforge.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from benchmarks.evidence.figure import Figure, arguments, report, timed

PAPER = {
    "Linear": {96: "0.375", 192: "0.418", 336: "0.479", 720: "0.624"},
    "NLinear": {96: "0.374", 192: "0.408", 336: "0.429", 720: "0.440"},
}
MONTH = 30 * 24
TRAIN, VALIDATION, TEST = 12 * MONTH, 4 * MONTH, 4 * MONTH
INPUT, BATCH, EPOCHS, PATIENCE, LR = 336, 32, 10, 3, 5e-3
SHA256 = "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066"
MIRRORS = ("https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small",)


class Linear(nn.Module):
    """Each hour to come as a weighted sum of those seen.

    Shape: (batch, INPUT, channels) -> (batch, horizon, channels)
    """

    def __init__(self, horizon: int, generator: Generator) -> None:
        super().__init__()
        self.linear = nn.Linear(INPUT, horizon, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x.transpose(1, 2))
        return y.transpose(1, 2)


class NLinear(Linear):
    """The same of the differences from the last hour seen."""

    def forward(self, x: Tensor) -> Tensor:
        last = x[:, -1:]
        return super().forward(x - last) + last


MODELS: dict[str, type[Linear]] = {"Linear": Linear, "NLinear": NLinear}


class Series(NamedTuple):
    """The scaled rows of each part, with the INPUT rows before it. Shape: (hours, channels)"""

    train: Array
    validation: Array
    test: Array


def series() -> Series:
    """Raises: DataError."""
    path = fetch("ETTh1.csv", sha256=SHA256, mirrors=MIRRORS, folder="ett")
    rows = np.loadtxt(path, delimiter=",", skiprows=1, usecols=range(1, 8))
    rows = StandardScaler().fit(rows[:TRAIN]).transform(rows).astype(np.float32)
    tested = TRAIN + VALIDATION
    return Series(
        rows[:TRAIN],
        rows[TRAIN - INPUT : tested],
        rows[tested - INPUT : tested + TEST],
    )


def windows(part: Array, horizon: int, shuffled_by: Generator | None = None) -> DataLoader:
    """Every INPUT hours of a part and the hours to come, in batches."""
    return DataLoader(
        WindowDataset(part, INPUT, horizon),
        BATCH,
        shuffle=shuffled_by is not None,
        drop_last=True,
        generator=shuffled_by,
    )


def trained(
    name: str, horizon: int, data: Series, generator: Generator, *, average: float
) -> nn.Module:
    """The model with the weights of the best validation loss, `average` their averages' decay."""
    model = MODELS[name](horizon, generator.child("weights"))
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(average))
    optimizer = Adam(model.parameters(), lr=LR)
    schedule = LambdaLR(optimizer, lambda epoch: 0.5 ** max(epoch - 1, 0))
    batches = windows(data.train, horizon, generator.child("order"))
    validation = windows(data.validation, horizon)

    @azuraforge.capture
    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    best, kept, since = float("inf"), averaged, 0
    for _ in range(EPOCHS):
        for x, y in batches:
            step(azuraforge.tensor(x), azuraforge.tensor(y))
            averaged.update_parameters(model)
        schedule.step()
        loss, since = error(averaged, validation), since + 1
        if loss < best:
            best, kept, since = loss, deepcopy(averaged), 0
        if since == PATIENCE:
            break
    return kept


@azuraforge.no_grad()
def error(model: nn.Module, batches: DataLoader) -> float:
    """Mean squared error over all batches, which are equally large."""
    pairs = ((azuraforge.tensor(x), azuraforge.tensor(y)) for x, y in batches)
    return float(np.mean([F.mse_loss(model(x), y).item() for x, y in pairs]))


def figures(
    models: Sequence[str], horizons: Sequence[int], generator: Generator, *, average: float
) -> Iterator[Figure]:
    """The paper's row of each model, as far as the horizons go."""
    data = series()

    def tested(name: str, horizon: int) -> float:
        model = trained(name, horizon, data, generator, average=average)
        return error(model, windows(data.test, horizon))

    for name, horizon in product(models, horizons):
        published = PAPER[name][horizon]
        yield timed(f"{name}, horizon {horizon}, MSE", published, partial(tested, name, horizon))


def main(given: Sequence[str] | None = None) -> int:
    parser = arguments("forecasting", __doc__)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    horizons = list(PAPER["Linear"])
    parser.add_argument("--horizons", nargs="+", type=int, choices=horizons, default=horizons)
    parser.add_argument("--average", type=float, default=0.99, metavar="DECAY")
    options = parser.parse_args(given)
    models, horizons, average = options.models, options.horizons, options.average
    return report(
        f"ETTh1, Zeng et al. (2023), table 2; weights averaged, decay {average}",
        options,
        lambda generator: figures(models, horizons, generator, average=average),
    )


if __name__ == "__main__":
    sys.exit(main())
