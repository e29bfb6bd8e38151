"""Registered models, and predictions with them."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter, SkipValidation

from azuraforge.actors.handles import Handles
from azuraforge.api.problems import problems
from azuraforge.schema.records import ModelVersion, PredictReply, PredictRequest


@get("/v1/models", responses=problems(503))
async def list_models(handles: NamedDependency[SkipValidation[Handles]]) -> list[ModelVersion]:
    """Every version of every model, by name, newest version first."""
    return await handles.registry.models()


@get("/v1/models/{name:str}", responses=problems(400, 404, 503))
async def show_model(
    handles: NamedDependency[SkipValidation[Handles]],
    name: FromPath[str],
    version: Annotated[str, QueryParameter(description="a number or an alias")] = "champion",
) -> ModelVersion:
    """One version of a model."""
    return await handles.registry.model(name, version)


@post(
    "/v1/models/{name:str}/predict",
    status_code=200,
    responses=problems(400, 404, 413, 415, 422, 503),
)
async def predict(
    handles: NamedDependency[SkipValidation[Handles]],
    name: FromPath[str],
    data: JSONBody[PredictRequest],
) -> PredictReply:
    """One prediction per input, both in the form of the model's plugin."""
    return await handles.predict(name, data)
