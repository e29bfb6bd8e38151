from __future__ import annotations


def test_plugins_are_listed_the_broken_one_with_its_error(client):
    response = client.get("/v1/plugins")

    images, broken = response.json()
    assert (images["name"], images["version"], images["error"]) == ("images", "1", None)
    assert "cannot be imported" in broken["error"]


def test_a_plugin_tells_its_fields_with_defaults_and_hints(client):
    response = client.get("/v1/plugins/images")

    assert response.json()["fields"] == [
        {"path": "optim.lr", "kind": "float", "default": 0.1, "allowed": "a number > 0"}
    ]


def test_an_unknown_plugin_is_not_found_and_the_nearest_one_named(client):
    response = client.get("/v1/plugins/imagse")

    assert response.status_code == 404
    assert response.json()["detail"] == (
        "no plugin named 'imagse'; installed: broken, images; did you mean images?"
    )
