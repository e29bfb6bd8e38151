"""`azuraforge tune`: many runs of one plugin with settings drawn from a space, best first."""

from __future__ import annotations

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from azuraforge.cli.options import add_json, add_run, describe, setting, whole

if TYPE_CHECKING:
    from azuraforge.actors.handles import Handles
    from azuraforge.schema.records import StudyRecord
    from azuraforge.schema.specs import StudySpec


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "Search a plugin's settings: every trial is a run with values drawn from the space.",
        "tune images --space optim.lr=1e-4..1e-1:log --trials 20 --parallel 2",
        "tune images --space training.batch_size=32,64,128 --space optim.lr=0.001..0.1",
    )
    add_run(parser)
    parser.add_argument(
        "--space",
        action="append",
        required=True,
        type=setting,
        metavar="PATH=LOW..HIGH[:log] | PATH=A,B,C",
        help="what to search, as often as needed; :log draws evenly in the logarithm",
    )
    parser.add_argument("--trials", type=whole(1, 100_000), default=10, metavar="N")
    parser.add_argument("--parallel", type=whole(1, 1024), default=1, metavar="N")
    add_json(parser)


def run(arguments: Namespace) -> int:
    from azuraforge.actors.connect import connect
    from azuraforge.cli.output import print_document
    from azuraforge.cli.space import space_of
    from azuraforge.cli.spec import spec_of
    from azuraforge.schema.specs import StudySpec
    from azuraforge.store.home import home

    base = spec_of(arguments)
    study = StudySpec(
        base=base,
        space=space_of(base, arguments.space),
        trials=arguments.trials,
        seed=arguments.seed,
        parallel=arguments.parallel,
    )
    home(arguments.home)  # an unusable one is told before Ray takes its seconds to start
    print(f"starting the {arguments.runtime} runtime", file=sys.stderr)
    record = asyncio.run(_search(connect(arguments.runtime, home=arguments.home), study))
    print_document(record) if arguments.json else print(trials_table(record))
    return 0


def trials_table(study: StudyRecord) -> str:
    """The trials with their values, best first, those without a result last."""
    from azuraforge.cli.table import table

    sign = -1 if study.mode == "max" else 1
    trials = sorted(study.trials, key=lambda t: (t.value is None, sign * (t.value or 0.0)))
    paths = list(study.trials[0].values)
    rows = [
        [str(t.number), t.value, t.state, *(t.values.get(path) for path in paths), t.run]
        for t in trials
    ]
    return table(["trial", study.monitor or "value", "state", *paths, "run"], rows)


async def _search(handles: Handles, study: StudySpec) -> StudyRecord:
    try:
        return await handles.run_study(study, teller(study.trials))
    finally:
        await handles.close()


def teller(trials: int) -> Callable[[StudyRecord], None]:
    """A function that prints a line for every trial that has ended since it was called last."""
    from azuraforge.cli.table import cell
    from azuraforge.schema.records import ENDED

    told: set[int] = set()

    def tell(study: StudyRecord) -> None:
        for trial in study.trials:
            if trial.state not in ENDED or trial.number in told:
                continue
            told.add(trial.number)
            values = " ".join(f"{path}={cell(value)}" for path, value in trial.values.items())
            result = f"{study.monitor} {cell(trial.value)}" if trial.value is not None else ""
            best = "best so far" if trial.number == study.best else ""
            parts = [f"trial {trial.number}/{trials} {trial.state}", result, values, best]
            print("  ".join(filter(None, parts)), file=sys.stderr)

    return tell
