from __future__ import annotations

import azuraforge
from azuraforge.errors import ServiceError


def test_a_service_whose_registry_answers_is_healthy(client):
    response = client.get("/healthz")

    assert response.json() == {
        "status": "ok",
        "version": azuraforge.__version__,
        "runtime": "local",
    }


def test_a_service_whose_registry_cannot_be_reached_is_not(client, handles):
    handles.registry.error = ServiceError("the cluster is gone")

    response = client.get("/healthz")

    assert response.status_code == 503
    assert response.json()["detail"] == "the cluster is gone"
