"""POST /v1/check."""

from typing import Any

from flask import Response, request
from flask_openapi3 import APIBlueprint, Tag
from flask_openapi3.models import Schema

from worksafe.api.errors import problem_responses
from worksafe.api.intake import RAW_TYPE, read_check_request
from worksafe.api.schemas import CheckBody, CheckOptions, CheckResponse, render_check
from worksafe.moderator import Moderator

_TAG = Tag(name="check", description="Check images")
_FILE = {"type": "string", "format": "binary"}
_OPTIONS: dict[str, Any] = CheckOptions.model_json_schema()["properties"]

# The library documents one JSON body or one form; this endpoint takes three kinds of body.
_REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["images"],
                "additionalProperties": False,
                "properties": {
                    "images": {"type": "array", "items": _FILE, "minItems": 1},
                    **_OPTIONS,
                },
            }
        },
        "application/json": {"schema": {"$ref": "#/components/schemas/CheckBody"}},
        "image/*": {"schema": _FILE},
        "video/*": {"schema": _FILE},
        RAW_TYPE: {"schema": _FILE},
    },
}
_QUERY = [
    {"name": name, "in": "query", "required": False, "schema": schema, "style": "form"}
    for name, schema in _OPTIONS.items()
]
_BODY_SCHEMA: dict[str, Any] = CheckBody.model_json_schema(
    ref_template="#/components/schemas/{model}"
)
_SCHEMAS = {
    name: Schema(**schema)
    for name, schema in [*_BODY_SCHEMA.pop("$defs").items(), ("CheckBody", _BODY_SCHEMA)]
}


def check_routes(moderator: Moderator) -> APIBlueprint:
    """Make the routes that check images."""
    routes = APIBlueprint("check", __name__, abp_tags=[_TAG])
    settings = moderator.settings
    routes.components_schemas.update(_SCHEMAS)

    @routes.post(
        "/v1/check",
        summary="Check one image or many",
        responses={200: CheckResponse, **problem_responses(413, 415, 422, 503)},
        openapi_extensions={
            "requestBody": _REQUEST_BODY,
            "parameters": _QUERY,
        },
    )
    def check() -> Response:
        """Every image gets a result of its own; one that cannot be checked is an item in error,
        and the policy's on_error decides on it. Only where the request itself is wrong is the
        answer a problem document.
        """  # noqa: D205 - shown to readers of the API as a paragraph
        parsed = read_check_request(request, settings.max_images)
        done = moderator.check_set(
            parsed.items,
            parsed.options.policy,
            deadline_s=settings.deadline_for(len(parsed.items)),
        )
        return Response(
            render_check(done, parsed.options.include).model_dump_json(),
            content_type="application/json",
        )

    return routes
