from __future__ import annotations

import pytest
from litestar.testing import TestClient

from azuraforge.api.app import create_app
from azuraforge.api.server import LOOPBACK_NAMES


@pytest.fixture
def at_loopback(handles):
    with TestClient(create_app(handles, allowed_hosts=LOOPBACK_NAMES)) as client:
        yield client


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8265", "LOCALHOST:1", "127.0.0.1:80", "[::1]", "[::1]:80"]
)
def test_a_request_that_calls_this_machine_by_its_name_passes(at_loopback, host):
    response = at_loopback.get("/healthz", headers={"Host": host})

    assert response.status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8265",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evillocalhost",
        "127.0.0.1:80:80",
        "0.0.0.0",
        "[::1",
        "",
    ],
)
def test_a_request_that_calls_this_machine_by_a_strangers_name_is_refused(at_loopback, host):
    response = at_loopback.get("/healthz", headers={"Host": host})

    assert response.status_code in (400, 421)
    assert response.headers["Content-Type"] == "application/problem+json"


def test_no_route_answers_a_strangers_name(at_loopback):
    answers = {
        (method, route.path): at_loopback.request(
            method, route.path, headers={"Host": "evil.example"}
        ).status_code
        for route in at_loopback.app.routes
        for method in route.methods
    }

    assert len(answers) > 20
    assert set(answers.values()) == {421}


def test_a_service_for_all_answers_to_any_name(client):
    response = client.get("/healthz", headers={"Host": "gpu-box.example"})

    assert response.status_code == 200


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""],
)
def test_what_a_page_may_post_without_asking_is_refused_on_every_route(client, content_type):
    posts = [route.path for route in client.app.routes if "POST" in route.methods]

    answers = [
        client.post(path, content=b"{}", headers={"Content-Type": content_type}).status_code
        for path in posts
    ]

    assert len(answers) == 4
    assert set(answers) == {415}


def test_json_with_a_charset_is_json(client):
    response = client.post(
        "/v1/runs",
        content=b'{"plugin": "images"}',
        headers={"Content-Type": "application/json; charset=utf-8"},
    )

    assert response.status_code == 201


def test_every_field_of_a_body_at_fault_is_named_with_its_value(client, handles):
    response = client.post("/v1/runs", json={"seed": "7", "threads": 0, "sede": 1})

    assert response.status_code == 422
    assert {field["path"]: field["value"] for field in response.json()["errors"]} == {
        "sede": 1,
        "plugin": None,
        "seed": "7",
        "threads": 0,
    }
    assert handles.registry.records == {}


@pytest.mark.parametrize("body", [b"[]", b"null", b"7", b'"images"'])
def test_a_body_that_is_no_object_is_refused(client, body):
    response = client.post("/v1/runs", content=body, headers={"Content-Type": "application/json"})

    assert response.status_code == 422
    assert response.json()["errors"][0]["path"] == "body"
