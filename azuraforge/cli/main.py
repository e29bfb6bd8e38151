"""The `azuraforge` command: finds the sub-command, runs it, tells what went wrong.

Imports the standard library and errors only, then one sub-command's module, which imports what it
needs when it runs: that keeps `--help` at the speed of Python's own start.

Exit status: 0 done, 1 run failed, 2 usage, 3 connection, 4 not found, 5 refused, 130 interrupted.
"""

from __future__ import annotations

import difflib
import io
import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from azuraforge import __version__
from azuraforge.errors import AzuraForgeError, ConfigError

COMMANDS = {  # each is a module of this package with declare(parser) and run(arguments)
    "train": "train a plugin's model, register it, try it on unseen examples",
    "tune": "search a plugin's settings with many runs",
    "predict": "ask a registered model",
    "runs": "list runs, show one, read its events, stop it",
    "resume": "go on with a run that was lost, exactly",
    "replay": "do a run again and hold it against its journal",
    "fork": "go on from any step of a run, with other settings",
    "diff": "find the step, layer and op at which two runs part",
    "gradient": "tell the gradients of any step, by doing it again",
    "control": "pause a run, go on, do some steps, stop, save, change a setting",
    "models": "list registered models, show one",
    "plugins": "list plugins, show one's settings, write or check one",
    "query": "ask SQL of runs, settings, metrics, events and models",
    "export": "write runs in the form of another program",
    "serve": "serve runs and models over HTTP",
    "tui": "watch and start runs in the terminal",
    "bundle": "write a run into one file, for another machine",
    "import": "put a bundle's run into this home",
    "verify": "check a bundle, do steps of its run again here",
    "fsck": "go through everything kept here, name what is damaged",
    "gc": "let go of checkpoints and weights that nothing refers to",
    "doctor": "say what works on this machine, and what to do about what does not",
    "chaos": "do to runs on this machine what machines do to them; see that nothing is lost",
}
EXTRAS = {  # what a sub-command may find missing, and the extra that brings it
    "alembic": "store",
    "duckdb": "query",
    "sqlalchemy": "store",
    "litestar": "api",
    "uvicorn": "api",
    "httpx": "tui",
    "textual": "tui",
    "ray": "ray",
}
INTERRUPTED = 130
BROKEN_PIPE = 141  # 128 + SIGPIPE, as the shell reports it for any other program


class Parser(ArgumentParser):
    """An argparse parser whose errors are told as every other error is: in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; see {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line of these arguments; returns the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal in ASCII is no reason for a traceback
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = _dispatch(sys.argv[1:] if argv is None else list(argv))
        _flush()
    except AzuraForgeError as error:
        return _tell(error)
    except ModuleNotFoundError as error:
        return _tell(_explained(error))
    except KeyboardInterrupt:
        print("azuraforge: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, `head` say, has had enough
        _silence_stdout()
        return BROKEN_PIPE
    return status


def _dispatch(argv: list[str]) -> int:
    chosen = argv[0] if argv else None
    if chosen is not None and not chosen.startswith("-") and chosen not in COMMANDS:
        close = difflib.get_close_matches(chosen, COMMANDS, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise ConfigError(f"no command {chosen!r}; commands: {', '.join(COMMANDS)}{hint}")
    parser = _parser(chosen)
    if chosen is None:
        parser.print_help(sys.stderr)
        return ConfigError.exit_code
    try:
        arguments = parser.parse_args(argv)
    except SystemExit:  # --help and --version have printed
        return 0
    status: int = import_module(f"azuraforge.cli.{arguments.command}").run(arguments)
    return status


def _parser(chosen: str | None) -> ArgumentParser:
    parser = Parser(
        prog="azuraforge",
        description="Train models, watch them train, serve them.",
        epilog="azuraforge COMMAND --help tells more; $AZURAFORGE_HOME keeps runs and models.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"azuraforge {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, allow_abbrev=False)
        if name == chosen:
            import_module(f"azuraforge.cli.{name}").declare(command)
    return parser


def _tell(error: AzuraForgeError) -> int:
    problems = error.problems if isinstance(error, ConfigError) else ()
    if len(problems) > 1:
        print(f"azuraforge: error: {len(problems)} settings cannot be used", file=sys.stderr)
        for problem in problems:
            print(f"  {problem}", file=sys.stderr)
    else:
        told = " ".join(str(error).split())  # a library's reason may come in lines of its own
        print(f"azuraforge: error: {told}", file=sys.stderr)
    return error.exit_code


def _explained(error: ModuleNotFoundError) -> AzuraForgeError:
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        raise error
    return AzuraForgeError(
        f"this needs {package}, which is not installed; pip install 'azuraforge[{EXTRAS[package]}]'"
    )


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _silence_stdout()
        raise AzuraForgeError(f"cannot write the output: {error.strerror}") from error


def _silence_stdout() -> None:
    """Let what is still buffered go nowhere, or Python complains about it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
