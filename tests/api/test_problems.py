from __future__ import annotations

import logging

import pytest

from azuraforge.api.app import MAX_BODY_BYTES

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "request_", "status"),
    [
        ("GET", "/v2/runs", {}, 404),
        ("GET", "/schema/redoc", {}, 404),
        ("GET", "/v1/runs/a%2Fb", {}, 404),
        ("PUT", "/v1/runs", {}, 405),
        ("DELETE", "/healthz", {}, 405),
        ("POST", "/v1/runs", {"content": b"{", "headers": JSON}, 400),
        ("POST", "/v1/runs", {"content": b"", "headers": JSON}, 400),
        ("POST", "/v1/runs", {"content": b"\xff", "headers": JSON}, 400),
        ("POST", "/v1/runs", {"content": b"[" * 10_000, "headers": JSON}, 400),
        ("POST", "/v1/runs", {"content": b" " * (MAX_BODY_BYTES + 1), "headers": JSON}, 413),
        ("POST", "/v1/runs", {"data": {"plugin": "images"}}, 415),
    ],
)
def test_an_error_of_http_itself_is_a_problem_document(client, method, path, request_, status):
    response = client.request(method, path, **request_)

    problem = response.json()
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"] == "about:blank"
    assert problem["detail"]


def test_a_body_too_long_is_refused_though_its_length_is_not_told(client):
    parts = (b" " * 2**20 for _ in range(MAX_BODY_BYTES // 2**20 + 1))

    response = client.post("/v1/runs", content=parts, headers=JSON)

    assert response.status_code == 413


def test_a_method_that_is_not_possible_names_those_that_are(client):
    response = client.put("/v1/runs")

    assert set(response.headers["Allow"].split(", ")) == {"GET", "OPTIONS", "POST"}
    assert "PUT is not possible" in response.json()["detail"]


def test_an_unexpected_error_is_logged_once_with_its_traceback_and_not_told(
    client, handles, caplog
):
    handles.registry.error = ZeroDivisionError("secret of the house")

    with caplog.at_level(logging.INFO):
        response = client.get("/v1/runs/7")

    assert response.status_code == 500
    assert response.headers["Content-Type"] == "application/problem+json"
    assert "secret" not in response.text
    assert "ZeroDivision" not in response.text
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.name == "azuraforge.api"
    assert record.exc_info[1] is handles.registry.error


def test_a_path_with_a_line_break_stays_one_line_of_log(client, handles, caplog):
    handles.registry.error = ZeroDivisionError("x")

    client.get("/v1/runs/a%0AERROR forged")

    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "\n" not in record.getMessage()


def test_an_expected_error_is_not_logged(client, caplog):
    client.get("/v1/runs/none")

    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
