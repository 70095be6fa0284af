"""GET /v1/models and GET /v1/taxonomy: what scores, and what it reports."""

from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel

from worksafe.api.errors import problem_responses
from worksafe.api.response_schemas import ModelModel, render_models
from worksafe.moderator import Moderator
from worksafe.results import TAXONOMY

_TAG = Tag(name="models", description="What scores, and what it reports")


class ModelsResponse(BaseModel):
    """The loaded models."""

    models: list[ModelModel]


class LabelModel(BaseModel):
    """A label: `counts` tells whether it makes its category's score."""

    name: str
    category: str
    shows: str
    counts: bool


class TaxonomyResponse(BaseModel):
    """All labels that are reported."""

    taxonomy: str
    labels: list[LabelModel]


def models_routes(moderator: Moderator) -> APIBlueprint:
    """Make the routes that describe the detectors."""
    routes = APIBlueprint("models", __name__, abp_tags=[_TAG])

    @routes.get(
        "/v1/models",
        summary="The loaded models",
        responses={200: ModelsResponse, **problem_responses()},
    )
    def models() -> Response:
        answer = ModelsResponse(models=render_models(moderator.models))
        return Response(answer.model_dump_json(), content_type="application/json")

    @routes.get(
        "/v1/taxonomy",
        summary="All labels",
        responses={200: TaxonomyResponse, **problem_responses()},
    )
    def taxonomy() -> Response:
        labels = [
            LabelModel(
                name=label.name, category=label.category, shows=label.shows, counts=label.counts
            )
            for label in moderator.labels
        ]
        answer = TaxonomyResponse(taxonomy=TAXONOMY, labels=labels)
        return Response(answer.model_dump_json(), content_type="application/json")

    return routes
