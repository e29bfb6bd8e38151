from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from azuraforge.cli.main import main

AZURAFORGE = [sys.executable, "-m", "azuraforge"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_service_prints_its_url_answers_and_ends_when_told(
    number: signal.Signals, tmp_path: Path
) -> None:
    child = subprocess.Popen(
        [*AZURAFORGE, "serve", "--port", "0", "--runtime", "local", "--home", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    url = child.stdout.readline().strip()

    with urllib.request.urlopen(f"{url}/healthz", timeout=10) as reply:
        status = reply.status
    child.send_signal(number)
    out, err = child.communicate(timeout=60)

    assert status == 200
    assert child.returncode == 0
    assert out == ""
    assert err == "starting the local runtime\n"


def test_a_port_in_use_is_told_before_the_runtime_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port), "--home", str(tmp_path)]) == 2

    told = capsys.readouterr().err
    assert f"127.0.0.1:{port}" in told
    assert "in use" in told
    assert "starting" not in told


def test_an_address_of_another_machine_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--host", "192.0.2.1", "--port", "0", "--home", str(tmp_path)]) == 2

    assert "192.0.2.1:0" in capsys.readouterr().err
