"""Options that several sub-commands share, so that they read and behave alike everywhere."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

RUNTIMES = ("ray", "local")


def describe(parser: ArgumentParser, description: str, *examples: str) -> None:
    """Head a sub-command's help with what it does, end it with lines to copy."""
    parser.description = description
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = "\n".join(["examples:", *(f"  azuraforge {line}" for line in examples)])


def add_home(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help="where runs and models are kept; default: $AZURAFORGE_HOME, else ~/.azuraforge",
    )


def add_json(parser: ArgumentParser, what: str = "one JSON document") -> None:
    parser.add_argument("--json", action="store_true", help=f"print {what}")


def add_runtime(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--runtime",
        choices=RUNTIMES,
        default=default_runtime(),
        help="where actors live: on a local Ray, or in this process; default: %(default)s",
    )


def add_bundle(parser: ArgumentParser) -> None:
    """The bundle that is read, and how large one may be."""
    parser.add_argument("bundle", type=Path, metavar="FILE", help="made by `azuraforge bundle`")
    parser.add_argument(
        "--max-size",
        type=size,
        default=4 << 30,
        metavar="SIZE",
        help="refuse a larger one: 500M, 20G; default: 4G",
    )


def size(text: str) -> int:
    """`500M` or `20G` in bytes; without a letter, bytes."""
    found = re.fullmatch(r"(\d{1,15})([KMGT]?)", text)
    if found is None:
        raise ArgumentTypeError(f"got {text!r}; it is written as in 500M or 20G")
    return int(found[1]) << 10 * " KMGT".index(found[2] or " ")


def default_runtime() -> str:
    """`ray` where Ray is installed, else `local`; imports nothing."""
    return "ray" if find_spec("ray") else "local"


def add_settings(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        type=setting,
        metavar="PATH=VALUE",
        help="change a setting, as often as needed; `azuraforge plugins PLUGIN` lists them",
    )


def setting(text: str) -> tuple[str, str]:
    """`training.epochs=3` as its path and its value."""
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise ArgumentTypeError(f"got {text!r}; it is written path=value, as in training.epochs=3")
    return path, value


def whole(low: int, high: int) -> Callable[[str], int]:
    """An argparse type: a whole number from `low` to `high`."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise ArgumentTypeError(f"got {text!r}; allowed: a whole number from {low} to {high}")
        return value

    return read


def add_run(parser: ArgumentParser) -> None:
    """The options that make a run's spec, and where it runs and is kept."""
    parser.add_argument("plugin", metavar="PLUGIN", help="see `azuraforge plugins`")
    add_settings(parser)
    parser.add_argument(
        "--seed", type=whole(0, 2**63 - 1), default=0, metavar="N", help="default: 0"
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: cpu")
    parser.add_argument(
        "--threads", type=whole(1, 1024), default=1, metavar="N", help="for kernels; default: 1"
    )
    parser.add_argument(
        "--model", metavar="NAME", help="register as NAME; default: as the plugin says"
    )
    parser.add_argument(
        "--precision",
        choices=("float32", "float16"),
        default="float32",
        help="float16: mixed, the loss scaled; default: %(default)s",
    )
    parser.add_argument(
        "--on-nan",
        choices=("fail", "rollback"),
        help="rollback: back to the last checkpoint, the learning rate halved; default: fail",
    )
    add_checkpoints(parser)
    add_runtime(parser)
    add_home(parser)


def add_labels(parser: ArgumentParser) -> None:
    """What a run is found by."""
    parser.add_argument(
        "--experiment",
        default="default",
        metavar="NAME",
        help="what the run belongs to; default: default",
    )
    parser.add_argument(
        "--tag",
        dest="tags",
        action="append",
        default=[],
        type=setting,
        metavar="KEY=VALUE",
        help="what runs are found by, as often as needed",
    )


def add_checkpoints(parser: ArgumentParser) -> None:
    """When checkpoints are written, how many stay, and how often a lost Trainer is followed."""
    for name, default, low, what in (
        ("--checkpoint-epochs", 1, 0, "write a checkpoint every N epochs; 0: not at their end"),
        ("--checkpoint-steps", 0, 0, "and every N steps; 0: not within epochs"),
        ("--keep-checkpoints", 2, 1, "keep the last N and the best one"),
        ("--attempts", 3, 1, "Trainers at most, where one after another is lost"),
    ):
        parser.add_argument(
            name,
            type=whole(low, 100_000_000 if name == "--checkpoint-steps" else 100),
            default=default,
            metavar="N",
            help=f"{what}; default: {default}",
        )


def model_version(text: str) -> tuple[str, str]:
    """`images:2` as name and version; the version is `champion` where none is given."""
    name, _, version = text.partition(":")
    if not name or text.endswith(":"):
        raise ArgumentTypeError(f"got {text!r}; it is written NAME or NAME:VERSION, as in images:2")
    return name, version or "champion"
