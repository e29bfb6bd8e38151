from __future__ import annotations

import asyncio
import re

import pytest
import yaml

PROBLEM = {"schema": {"$ref": "#/components/schemas/Problem"}}


@pytest.fixture
def openapi(client):
    return client.get("/schema").json()


def operations(openapi):
    return [operation for item in openapi["paths"].values() for operation in item.values()]


def test_openapi_lists_every_route(client, openapi):
    routes = {
        re.sub(r":\w+", "", route.path)
        for route in client.app.routes
        if not route.path.startswith("/schema")
    }

    assert set(openapi["paths"]) == routes
    assert len(routes) == 11


def test_openapi_describes_every_error_as_a_problem_document(openapi):
    errors = [
        response["content"]
        for operation in operations(openapi)
        for status, response in operation["responses"].items()
        if status >= "400"
    ]

    assert len(errors) > 30
    assert all(content == {"application/problem+json": PROBLEM} for content in errors)


def test_every_operation_is_described_and_named_after_its_function(openapi):
    found = operations(openapi)

    assert all(operation["description"] for operation in found)
    assert "start_run" in {operation["operationId"] for operation in found}


def test_openapi_is_there_as_yaml_too(client, openapi):
    response = client.get("/schema/openapi.yaml")

    assert yaml.safe_load(response.text) == openapi


def test_nothing_the_service_tells_of_itself_loads_from_elsewhere(client, openapi):
    pages = [client.get(path).text for path in ("/schema", "/schema/openapi.yaml", "/schema/docs")]

    assert [page for page in pages if "<script" in page or "cdn" in page] == []


def test_an_app_can_be_made_where_no_event_loop_runs(app):
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()

    assert app.routes
