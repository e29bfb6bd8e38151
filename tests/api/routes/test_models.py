from __future__ import annotations

import pytest

from azuraforge.schema.records import ModelVersion


@pytest.fixture(autouse=True)
def digits(handles):
    """Two versions of a model; the older one is champion."""
    handles.registry.versions = [
        ModelVersion(
            name="digits",
            version=version,
            run="1",
            plugin="images",
            config={},
            weights="0" * 64,
            monitor="loss",
            mode="min",
            validation={},
            test={},
            created_at=1.7e9,
            aliases=aliases,
        )
        for version, aliases in ((1, ["champion"]), (2, []))
    ]


def test_models_are_listed_newest_version_first(client):
    response = client.get("/v1/models")

    assert [(model["name"], model["version"]) for model in response.json()] == [
        ("digits", 2),
        ("digits", 1),
    ]


@pytest.mark.parametrize(("query", "version"), [({}, 1), ({"version": "2"}, 2)])
def test_a_model_is_the_champion_unless_a_version_is_named(client, query, version):
    response = client.get("/v1/models/digits", params=query)

    assert response.json()["version"] == version


def test_a_version_that_is_not_there_is_not_found(client):
    response = client.get("/v1/models/digits", params={"version": "9"})

    assert response.status_code == 404


def test_a_model_predicts_one_answer_per_input(client):
    response = client.post("/v1/models/digits/predict", json={"inputs": [[0, 1], []]})

    assert response.status_code == 200
    assert response.json() == {
        "model": "digits",
        "version": 1,
        "predictions": [{"label": "2"}, {"label": "0"}],
    }


def test_an_input_that_does_not_fit_is_told(client):
    response = client.post("/v1/models/digits/predict", json={"inputs": ["a"]})

    assert response.status_code == 422
    assert response.json()["type"] == "/problems/invalid-data"
    assert response.json()["detail"] == "input 0: not an image"


def test_a_model_that_is_not_there_predicts_nothing(client):
    response = client.post("/v1/models/none/predict", json={"inputs": []})

    assert response.status_code == 404
