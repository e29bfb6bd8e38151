from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from azuraforge.cli import main as command_line
from azuraforge.cli.main import COMMANDS, main
from azuraforge.errors import AzuraForgeError, ConfigError, FieldProblem, RefusedError, ServiceError

AZURAFORGE = [sys.executable, "-m", "azuraforge"]
BUFFERED = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}


def raises(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let every sub-command end with this."""

    def fail(argv: list[str]) -> int:
        raise error

    monkeypatch.setattr(command_line, "_dispatch", fail)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0

    told = capsys.readouterr()
    assert f"usage: azuraforge {command}" in told.out
    assert f"  azuraforge {command}" in told.out.partition("examples:")[2]
    assert told.err == ""


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0

    told = capsys.readouterr().out
    assert all(f"\n    {command} " in told for command in COMMANDS)


def test_without_a_command_help_goes_to_stderr_and_the_status_is_usage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 2

    told = capsys.readouterr()
    assert told.out == ""
    assert "usage: azuraforge" in told.err


def test_a_misspelt_command_is_answered_with_the_one_that_is_near(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["trian"]) == 2

    told = capsys.readouterr().err
    assert told.startswith("azuraforge: error: no command 'trian'")
    assert "did you mean train?" in told


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["train"], "PLUGIN"),
        (["train", "images", "--epochs", "3"], "--epochs"),
        (["train", "images", "--set", "epochs"], "path=value"),
        (["train", "images", "--seed", "-1"], "from 0 to"),
        (["train", "images", "--seed", "one"], "from 0 to"),
        (["train", "images", "--threads", "0"], "from 1 to 1024"),
        (["train", "images", "--device", "gpu"], "cuda"),
        (["train", "images", "--runtime", "dask"], "ray"),
        (["serve", "--port", "65536"], "from 0 to 65535"),
        (["predict", "images"], "INPUT.json"),
        (["predict", "images:", "--examples", "1"], "NAME:VERSION"),
        (["runs", "--limit", "0"], "from 1 to"),
        (["runs", "--state", "done"], "finished"),
        (["runs", "--events"], "id of a run"),
        (["runs", "ab", "--events", "--stop"], "not allowed with"),
        (["plugins", "new"], "plugins new NAME"),
        (["plugins", "one", "two"], "plugins [NAME]"),
        (["plugins", "images", "--set", "a=b"], "plugins check NAME"),
        (["plugins", "check", "images", "--into", "."], "plugins new NAME"),
        (["tune", "images"], "--space"),
        (["--vesion"], "azuraforge --help"),
    ],
)
def test_a_wrong_option_is_told_in_one_sentence_with_what_is_allowed(
    argv: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("azuraforge: error: ")
    assert said.err.count("\n") == 1
    assert told in said.err


def test_an_error_of_the_tree_is_one_line_and_its_own_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raises(monkeypatch, RefusedError("run ab has ended"))

    assert main(["runs"]) == 5

    assert capsys.readouterr().err == "azuraforge: error: run ab has ended\n"


def test_an_error_in_several_lines_is_told_in_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raises(monkeypatch, ServiceError("Ray does not start:\n  no memory\n"))

    assert main(["serve"]) == 3

    assert capsys.readouterr().err == "azuraforge: error: Ray does not start: no memory\n"


def test_several_problems_are_told_one_to_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    problems = (FieldProblem("a.b", 1, "allowed: 2"), FieldProblem("c", "x", "no such key"))
    raises(monkeypatch, ConfigError("; ".join(map(str, problems)), problems))

    assert main(["train"]) == 2

    assert capsys.readouterr().err.splitlines() == [
        "azuraforge: error: 2 settings cannot be used",
        "  a.b: got 1; allowed: 2",
        "  c: got 'x'; no such key",
    ]


def test_ctrl_c_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raises(monkeypatch, KeyboardInterrupt())

    assert main(["runs"]) == 130

    assert capsys.readouterr().err == "azuraforge: interrupted\n"


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    raises(monkeypatch, ZeroDivisionError())

    with pytest.raises(ZeroDivisionError):
        main(["runs"])


def test_a_package_of_an_extra_that_is_not_there_is_told_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raises(monkeypatch, ModuleNotFoundError("No module named 'litestar'", name="litestar.sse"))

    assert main(["serve"]) == 1

    assert "pip install 'azuraforge[api]'" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--help"], ["plugins", "--json"]])
def test_a_reader_that_leaves_early_is_no_error_to_talk_about(options: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        [*AZURAFORGE, *options],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=BUFFERED,
        check=False,
        timeout=60,
    )
    os.close(writer)

    assert done.stderr == b""
    assert done.returncode == 141


def test_output_that_a_terminal_in_ascii_cannot_show_is_escaped() -> None:
    done = subprocess.run(
        [*AZURAFORGE, "--help"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0


@pytest.mark.parametrize("options", [["--help"], ["train", "--help"]])
def test_help_loads_nothing_but_the_standard_library_and_errors(options: list[str]) -> None:
    code = (
        "import sys; from azuraforge.cli.main import main; main(sys.argv[1:]);"
        "print(*sorted(m.split('.')[0] for m in sys.modules), file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, *options],
        capture_output=True,
        check=True,
        timeout=60,
        text=True,
    )

    known = sys.stdlib_module_names | {"azuraforge"}
    loaded = {name for name in done.stderr.split() if not name.startswith("_")}
    bare = subprocess.run(  # what .pth files of this environment load before anything of ours
        [sys.executable, "-c", "import sys; print(*(m.split('.')[0] for m in sys.modules))"],
        capture_output=True,
        check=True,
        timeout=60,
        text=True,
    )
    assert loaded - known - set(bare.stdout.split()) == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_a_module_that_declares_and_runs(command: str) -> None:
    module = import_module(f"azuraforge.cli.{command}")

    assert callable(module.declare)
    assert callable(module.run)


def test_every_error_has_a_documented_exit_status() -> None:
    def below(kind: type[AzuraForgeError]) -> set[type[AzuraForgeError]]:
        return {kind}.union(*(below(child) for child in kind.__subclasses__()))

    assert {kind.exit_code for kind in below(AzuraForgeError)} == {1, 2, 3, 4, 5}


def test_an_output_without_room_is_told() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*AZURAFORGE, "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=BUFFERED,
            check=False,
            timeout=60,
        )

    assert done.returncode == 1
    assert done.stderr.decode().startswith("azuraforge: error: cannot write the output")
