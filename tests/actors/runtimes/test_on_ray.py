"""What is Ray's alone: lost processes, the cluster's lock and key, its start and its end."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from azuraforge.actors.connect import connect
from azuraforge.actors.handles import Handles, follow
from azuraforge.actors.training.trainer import Trainer
from azuraforge.errors import HomeError, RunError, ServiceError
from azuraforge.schema.events import JournalEntry, RunFailed, RunStarted, StepFinished
from azuraforge.schema.records import PredictRequest, RunRecord
from azuraforge.schema.specs import RunSpec

pytestmark = pytest.mark.ray

TINY = Path(__file__).parents[1] / "tiny"
LONG_S = 60.0  # to wait for a process on a busy machine
T = TypeVar("T")


def now(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


def tiny(**config: Any) -> RunSpec:
    return RunSpec(plugin="tiny", config=config)


async def journal(handles: Handles, run: str) -> list[Any]:
    followed = [item async for item in follow(handles.registry, run)]
    return [item.event for item in followed if isinstance(item, JournalEntry)]


def test_a_run_whose_trainer_is_killed_goes_on_and_ends_as_if_it_had_not_been(
    on_ray: Handles, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    spec = tiny(**{"fault.kind": "kill-once", "fault.step": 5, "fault.gate": str(gate)})
    run = now(on_ray.start_run(spec)).id

    record = now(on_ray.join(run))

    assert (record.state, record.attempt, record.not_exact) == ("finished", 2, [])
    assert (tmp_path / "gate.died").exists()
    assert now(journal(on_ray, run)) == list(Trainer(spec))
    assert capfd.readouterr().out == ""


def test_a_run_whose_trainers_are_all_killed_is_a_dead_letter(on_ray: Handles) -> None:
    run = now(on_ray.start_run(tiny(**{"fault.kind": "kill", "fault.step": 1}))).id

    with pytest.raises(RunError, match=r"was given up: 3 of 3 attempts .*The actor is dead"):
        now(on_ray.join(run))

    (letter,) = now(on_ray.registry.dead_letters())
    failed = RunFailed(step=0, kind="RunError", error=letter.cause)
    assert now(journal(on_ray, run))[-1] == failed
    assert now(on_ray.registry.run(run)).state == "failed"


def test_a_killed_registry_costs_a_run_nothing(on_ray: Handles, tmp_path: Path) -> None:
    import ray

    gate = tmp_path / "gate"
    run = now(on_ray.start_run(tiny(**{"fault.gate": str(gate)}))).id

    ray.kill(on_ray._registry, no_restart=False)
    gate.touch()
    record = now(on_ray.join(run))

    assert record.state == "finished"
    expected = list(Trainer(tiny(**{"fault.gate": str(gate)})))
    assert now(journal(on_ray, run)) == expected


def test_a_killed_predictor_is_restored(on_ray: Handles) -> None:
    import ray

    now(on_ray.join(now(on_ray.start_run(tiny())).id))
    request = PredictRequest(inputs=[[1, 1]])
    before = now(on_ray.predict("tiny", request))
    (predictor,) = on_ray._predictors.values()

    ray.kill(predictor._actor, no_restart=False)

    assert now(on_ray.predict("tiny", request)) == before


def test_a_run_that_has_ended_gives_its_cores_back_at_once(on_ray: Handles) -> None:
    import ray

    now(on_ray.join(now(on_ray.start_run(tiny())).id))

    give_up_at = time.monotonic() + 5.0  # Ray's own collection of lost handles takes ten
    while ray.available_resources().get("CPU") != 2:
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


@pytest.mark.parametrize("count", [1, 2])
def test_a_trainer_uses_the_threads_of_its_spec_and_its_journal_says_how_many(
    on_ray: Handles, count: int
) -> None:
    spec = RunSpec(plugin="tiny", config={"monitor": "threads"}, threads=count)

    run = now(on_ray.start_run(spec)).id
    now(on_ray.join(run))

    started, *after = now(journal(on_ray, run))
    assert isinstance(started, RunStarted)
    assert started.threads == count
    used = {event.metrics["threads"] for event in after if isinstance(event, StepFinished)}
    assert used == {count}


def test_an_unusable_home_is_told_before_ray_is_asked(tmp_path: Path, cluster: None) -> None:
    (tmp_path / "registry.sqlite").write_bytes(b"not a database, but long enough to be looked at")

    with pytest.raises(HomeError, match="it is not a database"):
        connect("ray", home=tmp_path)


def test_a_cluster_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    address = "127.0.0.1:1"
    script = "import azuraforge; azuraforge.connect('ray')"

    said = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(tmp_path, RAY_ADDRESS=address),
        capture_output=True,
        text=True,
        timeout=LONG_S,
        check=False,
    )

    assert said.returncode == 1
    last = said.stderr.strip().splitlines()[-1]
    assert last.startswith(f"{ServiceError.__module__}.{ServiceError.__name__}: Ray cannot be")
    assert f"RAY_ADDRESS={address}" in last


def test_runs_of_one_home_after_the_other_say_nothing_and_leave_nothing_behind(
    tmp_path: Path,
) -> None:
    script = """
        import ray  # a user may have, long before
        import asyncio, os, pathlib, shutil, azuraforge

        async def main(home):
            async with azuraforge.connect("ray", home=home) as handles:
                run = await handles.start_run(azuraforge.RunSpec(plugin="tiny"))
                print((await handles.join(run.id)).state)
                print(repr(ray._private.worker.global_worker.node.webui_url))
                mode = (home / "ray-token").stat().st_mode
                print(oct(mode), os.environ["RAY_AUTH_MODE"], await intruder())

        async def intruder():
            program = "import ray, sys; ray.init(address=sys.argv[1])"
            address = ray.get_runtime_context().gcs_address
            process = await asyncio.create_subprocess_exec(
                "{python}", "-c", program, address,
                env={{**os.environ, "RAY_AUTH_TOKEN": "f" * 64, "RAY_NUM_REDIS_GET_RETRIES": "1"}},
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE)
            _, said = await process.communicate()
            return b"AuthenticationError" in said

        for name in "ab":
            home = pathlib.Path("{home}") / name
            asyncio.run(main(home))
            shutil.rmtree(home)  # the first one's token with it
    """

    with started(script, tmp_path) as process:
        out, err = process.communicate(timeout=3 * LONG_S)

    each = ["finished", "''", f"{oct(stat.S_IFREG | 0o600)} token True"]
    assert (out.splitlines(), err, process.returncode) == (each * 2, "", 0)
    assert_gone(process)


def test_ctrl_c_in_a_terminal_stops_the_run_cleanly_though_nobody_closes(tmp_path: Path) -> None:
    script = """
        import asyncio, azuraforge

        handles = azuraforge.connect("ray")
        spec = azuraforge.RunSpec(plugin="tiny", config={{"training.epochs": 100_000}})
        run = asyncio.run(handles.start_run(spec))
        print(run.id, flush=True)
        try:
            asyncio.run(handles.join(run.id))
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """

    with started(script, tmp_path) as process:
        assert process.stdout is not None
        run = process.stdout.readline().strip()
        wait_for_a_step(tmp_path, run)
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to every process of the group
        out, err = process.communicate(timeout=LONG_S)

    assert (out, err, process.returncode) == ("interrupted\n", "", 0)
    record = record_of(tmp_path, run)
    assert record.state == "stopped"
    assert record.checkpoint is not None
    assert_gone(process)


def environment(home: Path, **more: str) -> dict[str, str]:
    """That of a user's shell, with the tiny plugin installed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    own = {"AZURAFORGE_HOME": str(home), "PYTHONPATH": os.pathsep.join([str(TINY), *sys.path])}
    return {**kept, **own, **more}


@contextmanager
def started(script: str, home: Path) -> Iterator[subprocess.Popen[str]]:
    """The script in a process group of its own, as a shell starts it; killed if it hangs."""
    lines = script.format(python=sys.executable, home=home).split("\n")
    process = subprocess.Popen(
        [sys.executable, "-c", "\n".join(line.removeprefix(" " * 8) for line in lines)],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def wait_for_a_step(home: Path, run: str) -> None:
    async def watch() -> None:
        async with connect("local", home=home) as handles:
            async for item in follow(handles.registry, run):
                if isinstance(item, JournalEntry) and isinstance(item.event, StepFinished):
                    return

    asyncio.run(asyncio.wait_for(watch(), LONG_S))


def record_of(home: Path, run: str) -> RunRecord:
    async def read() -> RunRecord:
        async with connect("local", home=home) as handles:
            return await handles.registry.run(run)

    return asyncio.run(read())


def assert_gone(process: subprocess.Popen[str]) -> None:
    """No process of the session that `process` led is left, after a moment's grace."""
    give_up_at = time.monotonic() + LONG_S
    while left := session(process.pid):
        assert time.monotonic() < give_up_at, f"left behind: {left}"
        time.sleep(0.05)  # for processes of Ray's that end by themselves


def session(leader: int) -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and os.getsid(int(folder.name)) == leader:
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found += [f"{folder.name} {command}"] if command else []  # else a zombie
        except (ProcessLookupError, FileNotFoundError):
            continue
    return found
