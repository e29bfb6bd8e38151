"""`azuraforge plugins`: what can be trained, with which settings; write a plugin, check one."""

from __future__ import annotations

import shlex
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from azuraforge.cli.options import add_json, add_settings, describe

if TYPE_CHECKING:
    from azuraforge.schema.records import PluginInfo


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "List the installed plugins; or show one's settings, write a new one, check one.",
        "plugins",
        "plugins images",
        "plugins new weather --into .",
        "plugins check weather --set training.epochs=1",
    )
    parser.usage = (
        "%(prog)s [NAME | new NAME [--into DIR] | check NAME [--set PATH=VALUE]] [--json]"
    )
    parser.add_argument("words", nargs="*", metavar="NAME", help="a plugin's name")
    parser.add_argument(
        "--into", type=Path, metavar="DIR", help="folder for a new plugin's package; default: this"
    )
    add_settings(parser)
    add_json(parser)


def run(arguments: Namespace) -> int:
    from azuraforge.errors import ConfigError

    action = arguments.words[0] if arguments.words else None
    if arguments.settings and action != "check":
        raise ConfigError("--set: goes with `plugins check NAME`; `train` takes settings, too")
    if arguments.into is not None and action != "new":
        raise ConfigError("--into: goes with `plugins new NAME`")
    match arguments.words:
        case []:
            return _list(as_json=arguments.json)
        case ["new", name]:
            return _write(name, arguments.into or Path())
        case ["check", name]:
            return _check(name, dict(arguments.settings))
        case [name] if name not in ("new", "check"):
            return _show(name, as_json=arguments.json)
    raise ConfigError(
        f"plugins {' '.join(arguments.words)}: allowed: plugins [NAME], plugins new NAME, "
        "plugins check NAME"
    )


def _list(*, as_json: bool) -> int:
    from azuraforge.cli.output import print_document
    from azuraforge.cli.table import table
    from azuraforge.plugin import GROUP, describe, names

    plugins = [describe(name) for name in names()]
    if as_json:
        print_document(plugins)
    elif plugins:
        rows = [[info.name, info.version, info.error or info.summary] for info in plugins]
        print(table(["plugin", "version", "summary"], rows))
    else:
        print(f"no plugins: no installed package has the entry point {GROUP}", file=sys.stderr)
    return 0


def _show(name: str, *, as_json: bool) -> int:
    from azuraforge.cli.output import print_document
    from azuraforge.errors import PluginError
    from azuraforge.plugin import describe

    info = describe(name)
    if info.error is not None:
        raise PluginError(info.error)
    print_document(info) if as_json else print(details(info))
    return 0


def details(info: PluginInfo) -> str:
    """A plugin in lines: what it is, and a table of its settings."""
    from azuraforge.cli.table import table

    rows = [
        [
            field.path,
            "required" if field.required else str(field.default),
            field.allowed,
            "live" if field.live else "",
            field.description,
        ]
        for field in info.fields
    ]
    return "\n".join(
        [
            f"{info.name} {info.version}: {info.summary}",
            "",
            table(["setting", "default", "allowed", "while on", "what it is"], rows),
        ]
    )


def _write(name: str, into: Path) -> int:
    from azuraforge.cli.invocation import program
    from azuraforge.plugin_new import write_plugin

    folder = write_plugin(name, into)
    print(folder)
    install = shlex.join([sys.executable, "-m", "pip", "install", "-e", str(folder)])
    lines = [install, f"{program()} plugins check {name}", f"{program()} train {name}"]
    print("next:", *(f"  {line}" for line in lines), sep="\n", file=sys.stderr)
    return 0


def _check(name: str, settings: dict[str, str]) -> int:
    from azuraforge.plugin import load
    from azuraforge.plugin_check import check

    check(load(name), settings)
    print(f"{name}: keeps the plugin contract")
    return 0
