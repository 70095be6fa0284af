"""GET /v1/models and GET /v1/taxonomy: what scores, and what it reports."""

from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel

from worksafe.api.answers import answer_with
from worksafe.api.errors import problem_responses
from worksafe.api.response_schemas import Answer, ModelModel
from worksafe.moderator import Moderator
from worksafe.results import TAXONOMY

_TAG = Tag(name="models", description="What scores, and what it reports")


class ModelsResponse(BaseModel):
    """The loaded models."""

    models: list[ModelModel]


class LabelModel(Answer):
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
        loaded = [ModelModel.model_validate(model) for model in moderator.models]
        return answer_with(ModelsResponse(models=loaded))

    @routes.get(
        "/v1/taxonomy",
        summary="All labels",
        responses={200: TaxonomyResponse, **problem_responses()},
    )
    def taxonomy() -> Response:
        labels = [LabelModel.model_validate(label) for label in moderator.labels]
        return answer_with(TaxonomyResponse(taxonomy=TAXONOMY, labels=labels))

    return routes
