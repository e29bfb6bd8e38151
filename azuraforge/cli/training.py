"""What `train`, `resume` and `fork` do once their options are sound: start, watch, report."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from argparse import Namespace
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from shutil import get_terminal_size

from azuraforge.actors.connect import connect
from azuraforge.actors.handles import Handles, follow
from azuraforge.actors.resolve import examples
from azuraforge.cli.interrupt import stop_requests
from azuraforge.cli.invocation import command
from azuraforge.cli.main import INTERRUPTED
from azuraforge.cli.output import print_line
from azuraforge.cli.progress import Progress
from azuraforge.cli.results import metrics_table, pairs, predictions_table, registration
from azuraforge.errors import RefusedError, RunError
from azuraforge.schema.commands import Command
from azuraforge.schema.events import Event, JournalEntry, RunFailed, RunFinished, RunStopped
from azuraforge.schema.records import ENDED, PredictRequest, RunRecord
from azuraforge.schema.specs import RunSpec
from azuraforge.store.home import home

EXAMPLES = 10

Begin = Callable[[Handles], Awaitable[RunRecord]]


def train(spec: RunSpec, arguments: Namespace) -> int:
    """Run the spec to its end and print what came of it; returns the exit status."""
    labels = {"experiment": arguments.experiment, "tags": dict(arguments.tags)}
    return _watched(lambda handles: handles.start_run(spec, **labels), arguments)


def resume(run: str, arguments: Namespace) -> int:
    """Have a run that was lost go on to its end, as `train`; returns the exit status."""
    accepts = arguments.accept_differences
    return _watched(lambda handles: handles.resume_run(run, accepts_differences=accepts), arguments)


def fork(run: str, commands: Sequence[Command], arguments: Namespace) -> int:
    """Have a new run leave another one and go on to its end, as `train`; the exit status."""
    return _watched(
        lambda handles: handles.fork_run(
            run,
            arguments.at,
            commands,
            tags=dict(arguments.tags),
            accepts_differences=arguments.accept_differences,
        ),
        arguments,
    )


def _watched(begin: Begin, arguments: Namespace) -> int:
    home(arguments.home)  # an unusable one is told before Ray takes its seconds to start
    progress = Progress(
        sys.stderr,
        live=sys.stderr.isatty() and os.environ.get("TERM") != "dumb",
        quiet=arguments.quiet,
        clock=time.monotonic,
        width=lambda: get_terminal_size().columns,
    )
    logging.getLogger("azuraforge.engine.compiling").disabled = True  # the run's telemetry tells it
    progress.note(f"starting the {arguments.runtime} runtime")
    handles = connect(arguments.runtime, home=arguments.home)
    return asyncio.run(_to_its_end(handles, begin, progress, arguments))


async def _to_its_end(
    handles: Handles, begin: Begin, progress: Progress, arguments: Namespace
) -> int:
    try:
        with stop_requests() as asked:
            started = (await begin(handles)).id
            progress.note(f"run {started}")
            last = await _watch(handles, started, asked, progress, as_json=arguments.json)
        run = await handles.registry.run(started)
        if arguments.json:
            print_line(run)
        elif isinstance(last, RunFinished):
            await _report(handles, run, last)
            _suggest(progress, run, arguments)
        return _status(run, last)
    finally:
        progress.close()
        await handles.close()


async def _watch(
    handles: Handles, run: str, asked: asyncio.Future[str], progress: Progress, *, as_json: bool
) -> Event | None:
    """Tell the run's events as they come; returns the last one.

    Raises: what kept them from being written down, so that there is no last one.
    """
    told = asyncio.create_task(_tell(handles, run, progress, as_json=as_json))
    joined = asyncio.create_task(handles.join(run))
    stopper = asyncio.create_task(_stop_when(asked, handles, run, progress))
    try:
        await asyncio.wait({told, joined}, return_when=asyncio.FIRST_EXCEPTION)
        if not told.done() and (await handles.registry.run(run)).state not in ENDED:
            await joined
        return await told
    finally:
        for task in (told, joined, stopper):
            task.cancel()
        await asyncio.gather(told, joined, stopper, return_exceptions=True)


async def _tell(handles: Handles, run: str, progress: Progress, *, as_json: bool) -> Event | None:
    last = None
    async for item in follow(handles.registry, run):
        progress.on(item)
        if isinstance(item, JournalEntry):
            last = item.event
            if as_json:
                print_line(item)
    return last


async def _stop_when(
    asked: asyncio.Future[str], handles: Handles, run: str, progress: Progress
) -> None:
    reason = await asked
    progress.note("stopping after the present step; the same again leaves at once")
    with suppress(RefusedError):  # it ended by itself in the meantime
        await handles.registry.command(run, Command(name="stop", reason=reason))


async def _report(handles: Handles, run: RunRecord, finished: RunFinished) -> None:
    assert run.model is not None  # a run that finished has registered one
    model = await handles.registry.model(run.model, str(run.model_version))
    champion = await handles.registry.model(run.model)
    print(f"best epoch: {finished.best_epoch} of {run.epochs}")
    print(f"validation: {pairs(finished.validation)}")
    print(f"\ntest:\n{metrics_table(finished.test, model.monitor, model.mode)}")
    print(f"\n{registration(model, champion)}")
    unseen = await asyncio.to_thread(examples, run.spec, EXAMPLES)
    request = PredictRequest(inputs=[one.input for one in unseen], version=str(model.version))
    reply = await handles.predict(model.name, request)
    print(f"\nunseen examples, predicted by {model.name} version {model.version}:")
    print(predictions_table(reply.predictions, unseen), flush=True)


def _suggest(progress: Progress, run: RunRecord, arguments: Namespace) -> None:
    lines = [
        command("predict", f"{run.model}:{run.model_version}", "--examples", "5", like=arguments),
        command("runs", run.id, like=arguments),
        command("tui" if find_spec("textual") else "serve", like=arguments),
    ]
    progress.note("\n".join(["", "next:", *(f"  {line}" for line in lines)]))


def _status(run: RunRecord, last: Event | None) -> int:
    if isinstance(last, RunFailed):
        when = f"after step {last.step:,}" if last.step else "before its first step"
        raise RunError(f"run {run.id} failed {when}: {last.kind}: {last.error}")
    if isinstance(last, RunStopped):
        kept = f"checkpoint kept: {last.checkpoint}" if last.checkpoint else "no checkpoint yet"
        told = f"run {run.id} stopped after step {last.step:,} ({last.reason}); {kept}"
        print(told, file=sys.stderr)
        return INTERRUPTED
    return 0
