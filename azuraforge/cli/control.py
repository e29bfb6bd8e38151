"""`azuraforge control`: pause a run, go on, do some steps, stop, save, change a setting."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from contextlib import closing
from typing import TYPE_CHECKING

from azuraforge.cli.options import add_home, add_json, describe

if TYPE_CHECKING:
    from azuraforge.schema.commands import Command

ACTIONS = {
    "pause": "waits after its present step",
    "resume": "goes on",
    "step": "does some steps, then waits",
    "stop": "stops after its present step",
    "checkpoint": "saves all that it is",
    "set": "is given other settings",
}


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "Act on a run while it is on. What is asked takes effect between two steps, and is an\n"
        "event of the run's journal: whoever repeats the run repeats it at the same step.",
        "control 01K3 pause",
        "control 01K3 step 10",
        "control 01K3 set optim.lr=1e-4 --reason 'the loss has stopped falling'",
        "control 01K3 resume",
    )
    parser.usage = (
        "%(prog)s ID {pause,resume,step [N],stop,checkpoint,set PATH=VALUE…} [--reason TEXT]"
    )
    parser.add_argument("run", metavar="ID", help="a run's id, or how it begins")
    parser.add_argument(
        "action",
        choices=ACTIONS,
        metavar="ACTION",
        help="; ".join(f"{name}: it {effect}" for name, effect in ACTIONS.items()),
    )
    parser.add_argument(
        "values", nargs="*", metavar="N or PATH=VALUE", help="for step: how many; for set: what"
    )
    parser.add_argument("--reason", default="", metavar="TEXT", help="written into the journal")
    add_home(parser)
    add_json(parser, "the run's record as one JSON document")


def run(arguments: Namespace) -> int:
    from azuraforge.actors.commands import check_command
    from azuraforge.actors.recording.registry import Registry
    from azuraforge.cli.output import print_document
    from azuraforge.schema.records import ENDED
    from azuraforge.store.home import home

    asked = commands(arguments.action, arguments.values, arguments.reason)
    with closing(Registry(home(arguments.home))) as registry:
        spec = registry.run(arguments.run).spec
        for command in [check_command(spec, command) for command in asked]:
            record = registry.command(arguments.run, command)
    if arguments.json:
        print_document(record)
    elif record.state in ENDED:
        print(f"run {record.id} was waiting, and is {record.state}", file=sys.stderr)
    else:
        now = f"{record.state}, at step {record.step:,}"
        told = f"run {record.id} ({now}) is asked: it {ACTIONS[arguments.action]}"
        print(told, file=sys.stderr)
    return 0


def commands(action: str, values: list[str], reason: str) -> list[Command]:
    """What the words of the command line ask for. Raises: ConfigError."""
    from azuraforge.cli.options import setting, whole
    from azuraforge.errors import ConfigError
    from azuraforge.schema.commands import Command

    try:
        match action, values:
            case "set", [_, *_]:
                pairs = [setting(text) for text in values]
                return [Command(name="set", path=p, value=v, reason=reason) for p, v in pairs]
            case "step", [count]:
                return [Command(name="step", count=whole(1, 10**9)(count), reason=reason)]
            case "set", []:
                raise ConfigError("set: what to set is missing, as in `set optim.lr=1e-4`")
            case name, []:
                return [Command(name=name, reason=reason)]  # type: ignore[arg-type]  # of ACTIONS
    except ArgumentTypeError as error:
        raise ConfigError(f"{action}: {error}") from error
    allowed = "one number, how many steps" if action == "step" else "nothing after it"
    raise ConfigError(f"{action}: got {' '.join(values)!r}; allowed: {allowed}")
