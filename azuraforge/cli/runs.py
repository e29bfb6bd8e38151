"""`azuraforge runs`: what ran, how one went, its journal; and a way to stop one."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from contextlib import closing
from typing import TYPE_CHECKING

from azuraforge.cli.options import add_home, add_json, describe, whole

if TYPE_CHECKING:
    from azuraforge.actors.recording.registry import Registry
    from azuraforge.schema.events import JournalEntry
    from azuraforge.schema.records import RunRecord

STATES = ("queued", "running", "paused", "lost", "finished", "failed", "stopped")


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "List runs, newest first; or show one, print its journal, ask it to stop.",
        "runs --state failed",
        "runs 01K3 --events --json",
        "runs 01K3 --stop",
    )
    parser.add_argument("run", nargs="?", metavar="ID", help="a run's id, or how it begins")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--events", action="store_true", help="print the journal of run ID")
    what.add_argument("--stop", action="store_true", help="ask run ID to stop after its step")
    parser.add_argument(
        "--limit", type=whole(1, 100_000), default=20, metavar="N", help="list N runs; default: 20"
    )
    parser.add_argument("--state", choices=STATES, help="list only runs in this state")
    parser.add_argument("--experiment", metavar="NAME", help="list only runs of this experiment")
    parser.add_argument("--tag", metavar="KEY[=VALUE]", help="list only runs with this tag")
    add_home(parser)
    add_json(parser, "one JSON document; with --events one JSON line per entry")


def run(arguments: Namespace) -> int:
    from azuraforge.actors.recording.registry import Registry
    from azuraforge.cli.output import print_document
    from azuraforge.errors import ConfigError
    from azuraforge.store.home import home

    if arguments.run is None and (arguments.events or arguments.stop):
        raise ConfigError("--events and --stop need the id of a run; `azuraforge runs` lists them")
    with closing(Registry(home(arguments.home))) as registry:
        registry.expire()  # nobody may be here to look after those whose Trainer died
        if arguments.run is None:
            _list(registry, arguments)
        elif arguments.events:
            _print_events(registry, arguments)
        elif arguments.stop:
            _stop(registry, arguments)
        elif arguments.json:
            print_document(registry.run(arguments.run))
        else:
            print(details(registry.run(arguments.run)))
    return 0


def details(run: RunRecord) -> str:
    """A run in lines: how it stands, what it came to, what it was asked to do."""
    from azuraforge.cli.results import metrics_table, pairs
    from azuraforge.cli.table import facts, moment, settings

    spec = run.spec
    told = facts(
        [
            ("run", run.id),
            ("state", run.state),
            ("error", run.error),
            ("not exact", "; ".join(run.not_exact) or None),
            ("experiment", run.experiment),
            ("tags", " ".join(f"{key}={value}" for key, value in run.tags.items()) or None),
            ("forked", f"from {run.parent.run} at step {run.parent.step}" if run.parent else None),
            ("attempt", f"{run.attempt} of {spec.attempts}" if run.attempt > 1 else None),
            ("progress", f"epoch {run.epoch} of {run.epochs}, step {run.step} of {run.steps}"),
            ("best", pairs(run.metrics)),
            ("model", f"{run.model}:{run.model_version}" if run.model_version else None),
            ("checkpoint", run.checkpoint),
            ("created", moment(run.created_at)),
            ("started", moment(run.started_at)),
            ("ended", moment(run.ended_at)),
            ("plugin", spec.plugin),
            ("settings", " ".join(f"{path}={value}" for path, value in settings(spec.config))),
            ("seed", str(spec.seed)),
            ("device", f"{spec.device}, threads: {spec.threads}"),
            ("study", spec.study),
        ]
    )
    if not run.test or run.mode is None or run.monitor is None:
        return told
    return f"{told}\n\ntest metrics:\n{metrics_table(run.test, run.monitor, run.mode)}"


def _list(registry: Registry, arguments: Namespace) -> None:
    from azuraforge.cli.output import print_document
    from azuraforge.cli.table import table

    runs, is_all = _newest(registry, arguments)
    if arguments.json:
        print_document(runs)
    elif runs:
        headers = ["run", "state", "plugin", "epoch", "metric", "value", "model", "created"]
        print(table(headers, [_row(run) for run in runs]))
    else:
        print("no runs yet; `azuraforge train images` makes one", file=sys.stderr)
    if not is_all:
        print(f"the newest {len(runs)}; --limit shows more", file=sys.stderr)


def _newest(registry: Registry, arguments: Namespace) -> tuple[list[RunRecord], bool]:
    """At most so many of the runs asked for, newest first, and whether these are all."""
    found = registry.runs(
        arguments.limit + 1,
        state=arguments.state,
        experiment=arguments.experiment,
        tag=arguments.tag,
    )
    return found[: arguments.limit], len(found) <= arguments.limit


def _row(run: RunRecord) -> list[object]:
    from azuraforge.cli.table import moment

    monitored = run.metrics.get(run.monitor or "")
    return [
        run.id,
        run.state,
        run.spec.plugin,
        f"{run.epoch}/{run.epochs}",
        run.monitor,
        None if monitored is None else float(monitored),
        f"{run.model}:{run.model_version}" if run.model_version else None,
        moment(run.created_at),
    ]


def _stop(registry: Registry, arguments: Namespace) -> None:
    from azuraforge.cli.output import print_document
    from azuraforge.schema.commands import Command

    stop = Command(name="stop", reason="azuraforge runs --stop")
    run = registry.command(arguments.run, stop)
    if arguments.json:
        print_document(run)
    elif run.state == "stopped":
        print(f"run {run.id} was waiting, and is stopped", file=sys.stderr)
    else:
        print(f"run {run.id} is asked to stop after its present step", file=sys.stderr)


def _print_events(registry: Registry, arguments: Namespace) -> None:
    from azuraforge.cli.output import print_line

    run, after = registry.run(arguments.run).id, 0
    while entries := registry.events(run, after):
        for entry in entries:
            if arguments.json:
                print_line(entry)
            else:
                print(event_line(entry))
        after = entries[-1].seq


def event_line(entry: JournalEntry) -> str:
    """A journal entry in one line: its number, its kind, its values."""
    import msgspec

    from azuraforge.cli.table import cell, settings

    values = msgspec.to_builtins(entry.event)
    kind = values.pop("type")
    return "  ".join(
        [
            f"{entry.seq:6}",
            f"{kind:12}",
            *(f"{path}={cell(value)}" for path, value in settings(values)),
        ]
    )
