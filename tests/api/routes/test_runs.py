from __future__ import annotations

import asyncio

import httpx
import msgspec
import pytest

from azuraforge.errors import DeviceError, HomeError
from azuraforge.schema.commands import Command
from azuraforge.schema.events import JournalEntry, RunStopped, Telemetry
from azuraforge.schema.records import RunRecord
from azuraforge.schema.specs import RunSpec
from tests.api.memory import finished, step


def messages(text):
    """Fields of each message of an event stream, read as plainly as can be."""
    return [
        dict(line.split(": ", 1) for line in block.split("\n"))
        for block in text.split("\n\n")
        if block and not block.startswith(":")
    ]


def test_a_run_is_started_and_its_address_told(client, handles):
    spec = RunSpec(plugin="images", config={"optim.lr": 0.5}, seed=7)

    response = client.post(
        "/v1/runs", content=msgspec.json.encode(spec), headers={"Content-Type": "application/json"}
    )

    run = msgspec.json.decode(response.content, type=RunRecord)
    assert response.status_code == 201
    assert run.spec == spec
    assert response.headers["Location"] == f"/v1/runs/{run.id}"
    assert client.get(response.headers["Location"]).json()["id"] == run.id


def test_config_errors_name_every_key(client):
    response = client.post(
        "/v1/runs", json={"plugin": "images", "config": {"optim.lr": -1, "epochs": "many"}}
    )

    problem = response.json()
    assert response.status_code == 422
    assert problem["type"] == "/problems/invalid-config"
    assert problem["errors"] == [
        {"path": "optim.lr", "value": -1, "allowed": "allowed: a number > 0"},
        {"path": "epochs", "value": "many", "allowed": "allowed: a number > 0"},
    ]


def test_a_run_of_an_unknown_plugin_is_not_found(client, handles):
    response = client.post("/v1/runs", json={"plugin": "imagse"})

    assert response.status_code == 404
    assert "installed: images" in response.json()["detail"]
    assert handles.registry.records == {}


@pytest.mark.parametrize(
    ("error", "status", "type"),
    [
        (DeviceError("cuda asked for, but there is none"), 422, "/problems/no-such-device"),
        (HomeError("the disk is full"), 507, "/problems/unusable-home"),
    ],
)
def test_what_start_run_raises_is_told_by_its_kind(client, handles, error, status, type):
    async def start_run(spec, **labels):
        raise error

    handles.start_run = start_run
    response = client.post("/v1/runs", json={"plugin": "images"})

    assert response.status_code == status
    assert response.json()["type"] == type
    assert response.json()["detail"] == str(error)


def test_a_tag_that_is_none_is_refused_with_how_it_is_written(client):
    response = client.post("/v1/runs", params={"tag": "fast"}, json={"plugin": "images"})

    assert response.status_code == 422
    assert "tag: got 'fast'; it is written key=value" in response.json()["detail"]


def test_runs_are_listed_newest_first_in_pages(client, handles):
    for seed in range(5):
        asyncio.run(handles.registry.create_run(RunSpec(plugin="images", seed=seed)))

    first = client.get("/v1/runs", params={"limit": 2}).json()
    second = client.get("/v1/runs", params={"limit": 2, "before": first[-1]["id"]}).json()

    assert [run["spec"]["seed"] for run in first + second] == [4, 3, 2, 1]


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "all"])
def test_a_limit_out_of_range_is_refused(client, limit):
    response = client.get("/v1/runs", params={"limit": limit})

    assert response.status_code == 400
    assert f"limit: got '{limit}'; Expected `int`" in response.json()["detail"]


def test_a_run_is_found_by_the_beginning_of_its_id(client, run):
    response = client.get(f"/v1/runs/{run[:4]}")

    assert response.json()["id"] == run


def test_a_run_that_is_not_there_is_a_problem(client):
    response = client.get("/v1/runs/none")

    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json() == {
        "type": "/problems/not-found",
        "title": "Not found",
        "status": 404,
        "detail": "no run 'none'",
        "instance": "/v1/runs/none",
    }


def test_a_run_is_stopped_with_the_reason(client, handles, run):
    response = client.post(f"/v1/runs/{run}/stop", json={"reason": "enough"})

    assert response.status_code == 202
    assert handles.registry.journals[run][-1].event == RunStopped(step=0, reason="enough")


@pytest.mark.parametrize(
    "command",
    [
        Command(name="pause", reason="lunch"),
        Command(name="step", count=10),
        Command(name="set", path="optim.lr", value=0.0001),
    ],
)
def test_a_command_is_handed_on_as_it_was_given(client, handles, run, command):
    response = client.post(
        f"/v1/runs/{run}/commands",
        content=msgspec.json.encode(command),
        headers={"Content-Type": "application/json"},
    )

    assert response.status_code == 202
    assert response.json()["id"] == run
    assert handles.commands == [(run, command)]


def test_a_setting_that_is_not_live_is_a_problem_that_names_it(client, handles, run):
    response = client.post(
        f"/v1/runs/{run}/commands", json={"name": "set", "path": "training.batch_size", "value": 4}
    )

    assert response.status_code == 422
    assert response.json()["errors"] == [
        {"path": "training.batch_size", "value": 4, "allowed": "what can be set: optim.lr"}
    ]
    assert handles.commands == []


@pytest.mark.parametrize(
    "body",
    [{}, {"name": "dance"}, {"name": "step", "count": 0}, {"name": "pause", "who": "me"}, []],
    ids=["nothing", "unknown", "no steps", "another field", "no object"],
)
def test_what_is_no_command_is_a_problem(client, handles, run, body):
    response = client.post(f"/v1/runs/{run}/commands", json=body)

    assert response.status_code == 422
    assert handles.commands == []


def test_a_run_that_has_ended_takes_no_command(client, handles, run):
    handles.registry.tell(run, finished(at=0))

    response = client.post(f"/v1/runs/{run}/commands", json={"name": "pause"})

    assert response.status_code == 409


def test_a_run_that_has_ended_cannot_be_stopped(client, handles, run):
    handles.registry.tell(run, finished(at=0))

    response = client.post(f"/v1/runs/{run}/stop", json={})

    assert response.status_code == 409
    assert response.json()["type"] == "/problems/refused"


def test_a_stop_without_a_body_of_json_is_refused(client, run):
    response = client.post(f"/v1/runs/{run}/stop")

    assert response.status_code == 415


def test_events_carry_number_tag_and_entry_and_end_with_end(client, handles, run):
    handles.registry.tell(run, step(1), finished(at=1))

    response = client.get(f"/v1/runs/{run}/events")

    first, last, end = messages(response.text)
    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert (first["id"], first["event"]) == ("1", "step")
    assert (last["id"], last["event"]) == ("2", "finished")
    assert msgspec.json.decode(first["data"], type=JournalEntry) == JournalEntry(
        run=run, seq=1, event=step(1)
    )
    assert end == {"event": "end", "data": '{"last_seq":2}'}


def test_telemetry_is_told_without_a_number(service, handles, run):
    told = Telemetry(step=3, elapsed_s=1.5, samples_per_s=2.0, eta_s=8.0)
    service.call(handles.registry.tell, run, step(1))
    asyncio.run_coroutine_threadsafe(handles.registry.report(run, told), service.loop).result()

    with httpx.stream("GET", f"{service.url}/v1/runs/{run}/events", trust_env=False) as response:
        lines = response.iter_lines()
        assert next(line for line in lines if line.startswith("event")) == "event: step"
        after = [next(lines) for _ in range(4)]

    assert after[1] == ""
    assert after[2] == "event: telemetry"
    assert msgspec.json.decode(after[3].removeprefix("data: "), type=Telemetry) == told


def test_events_are_told_while_they_happen(service, handles, run):
    seen = []

    with httpx.stream("GET", f"{service.url}/v1/runs/{run}/events", trust_env=False) as response:
        service.call(handles.registry.tell, run, step(1))
        for line in response.iter_lines():
            if line.startswith("event: "):
                seen.append(line.removeprefix("event: "))
                next_event = {1: step(2), 2: finished(at=2)}.get(len(seen))
                if next_event:
                    service.call(handles.registry.tell, run, next_event)

    assert seen == ["step", "step", "finished", "end"]


@pytest.mark.parametrize(
    ("headers", "query"),
    [({"Last-Event-ID": "2"}, {}), ({}, {"after": 2}), ({"Last-Event-ID": "2"}, {"after": 1})],
    ids=["header", "query", "header first"],
)
def test_a_stream_goes_on_after_the_last_event_known(client, handles, run, headers, query):
    handles.registry.tell(run, step(1), step(2), step(3), finished(at=3))

    response = client.get(f"/v1/runs/{run}/events", headers=headers, params=query)

    assert [message.get("id") for message in messages(response.text)] == ["3", "4", None]


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "1e3", "9" * 30])
def test_a_last_event_id_that_is_no_number_is_a_problem(client, run, last):
    response = client.get(f"/v1/runs/{run}/events", headers={"Last-Event-ID": last})

    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"
    assert f"header last-event-id: got '{last}'" in response.json()["detail"]


def test_after_the_end_a_browser_is_told_not_to_come_again(client, handles, run):
    handles.registry.tell(run, step(1), finished(at=1))

    response = client.get(f"/v1/runs/{run}/events", headers={"Last-Event-ID": "2"})

    assert response.status_code == 204
    assert response.content == b""


def test_events_of_a_run_that_is_not_there_are_a_problem_not_a_stream(client):
    response = client.get("/v1/runs/none/events")

    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"


def test_a_stream_whose_journal_fails_is_cut_without_an_end(service, handles, run):
    service.call(handles.registry.tell, run, step(1))
    url = f"{service.url}/v1/runs/{run}/events"

    with httpx.stream("GET", url, trust_env=False) as response:
        chunks = response.iter_text()
        first = next(chunks)
        service.call(setattr, handles.registry, "error", HomeError("the disk is gone"))

        with pytest.raises(httpx.RemoteProtocolError):
            next(chunks)

    assert "event: step" in first
    assert "event: end" not in first
