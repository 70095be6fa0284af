"""GET /healthz and GET /readyz."""

from http import HTTPStatus
from typing import Literal

from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel

from worksafe.api.answers import answer_with
from worksafe.api.errors import problem, problem_responses
from worksafe.moderator import Moderator

_TAG = Tag(name="health", description="For load balancers")
_READY = (
    "While the models are loaded `worksafe serve` lets connections wait, and then answers 200. "
    "503 is the answer of a moderator that was closed, or that was never warmed up."
)


class HealthResponse(BaseModel):
    """The process answers."""

    status: Literal["alive", "ready"]


def health_routes(moderator: Moderator) -> APIBlueprint:
    """Make the routes that load balancers ask."""
    routes = APIBlueprint("health", __name__, abp_tags=[_TAG])

    @routes.get(
        "/healthz", summary="Is it alive?", responses={200: HealthResponse, **problem_responses()}
    )
    def healthz() -> Response:
        return answer_with(HealthResponse(status="alive"))

    @routes.get(
        "/readyz",
        summary="Are the models loaded and warm?",
        description=_READY,
        responses={200: HealthResponse, **problem_responses(503)},
    )
    def readyz() -> Response:
        if moderator.is_ready:
            return answer_with(HealthResponse(status="ready"))
        return problem(
            HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", "the moderator is closed, or not warm"
        )

    return routes
