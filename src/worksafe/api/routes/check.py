"""POST /v1/check."""

from flask import Response, request
from flask_openapi3 import APIBlueprint, Tag

from worksafe.api.answers import answer_with
from worksafe.api.errors import problem_responses
from worksafe.api.intake import CHECK, read_request
from worksafe.api.openapi import image_request
from worksafe.api.rendering import render_check
from worksafe.api.request_schemas import CheckBody, CheckOptions
from worksafe.api.response_schemas import CheckResponse
from worksafe.items import count_videos
from worksafe.moderator import Moderator

_TAG = Tag(name="check", description="Check images")
_DOCUMENTED = image_request(CheckOptions, CheckBody)


def check_routes(moderator: Moderator) -> APIBlueprint:
    """Make the routes that check images."""
    routes = APIBlueprint("check", __name__, abp_tags=[_TAG])
    settings = moderator.settings
    routes.components_schemas.update(_DOCUMENTED.schemas)

    @routes.post(
        "/v1/check",
        summary="Check one image or many",
        responses={200: CheckResponse, **problem_responses(400, 413, 415, 422, 503)},
        openapi_extensions=_DOCUMENTED.extensions,
    )
    def check() -> Response:
        """Every image gets a result of its own; one that cannot be checked is an item in error,
        and the policy's on_error decides on it. Only where the request itself is wrong is the
        answer a problem document.
        """  # noqa: D205 - shown to readers of the API as a paragraph
        moderator.admission.refuse_when_full()
        parsed = read_request(request, settings.max_images, CHECK)
        options = parsed.options
        done = moderator.check_set(
            parsed.items,
            options.policy,
            look=moderator.look(options.thorough, maps="heatmap" in options.include),
            deadline_s=settings.deadline_for(len(parsed.items), count_videos(parsed.items)),
        )
        return answer_with(render_check(done, options.include))

    return routes
