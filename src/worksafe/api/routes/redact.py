"""POST /v1/redact."""

from flask import Response, request
from flask_openapi3 import APIBlueprint, Tag

from worksafe.api.errors import RequestError, problem_responses
from worksafe.api.intake import REDACT, read_request
from worksafe.api.openapi import FILE, image_request
from worksafe.api.request_schemas import RedactBody, RedactOptions
from worksafe.errors import InputError
from worksafe.images.pictures import DecodedImage
from worksafe.moderator import Moderator
from worksafe.redaction.redactor import Redacted, Redaction

_TAG = Tag(name="redact", description="Cover up what a policy does not allow")
_DOCUMENTED = image_request(RedactOptions, RedactBody, most=1)
_MOST_NAMED = 32  # areas: proxies refuse answers whose headers pass 4 kB
_HEADERS = {
    "Worksafe-Decision": "On the picture in the body: always allow.",
    "Worksafe-Decision-Before": "On the picture that came.",
    "Worksafe-Redacted": (
        "What was covered: a label for each area, and its x, y, width and height as fractions of "
        "the picture, and the share of it that is covered, less than the box's where the area has "
        f"a shape of its own (an RFC 9651 list); of more than {_MOST_NAMED} the largest. Absent "
        "where nothing was."
    ),
    "Worksafe-Policy": "Name and version of the policy.",
}


def redact_routes(moderator: Moderator) -> APIBlueprint:
    """Make the route that redacts a picture."""
    routes = APIBlueprint("redact", __name__, abp_tags=[_TAG])
    settings = moderator.settings
    routes.components_schemas.update(_DOCUMENTED.schemas)

    @routes.post(
        "/v1/redact",
        summary="Cover up what a policy does not allow in one picture",
        responses={
            200: {
                "description": "The picture, in the format that it came in, without metadata",
                "content": {"image/*": {"schema": FILE}},
                "headers": {
                    name: {"description": text, "schema": {"type": "string"}}
                    for name, text in _HEADERS.items()
                },
            },
            **problem_responses(400, 413, 415, 422, 503),
        },
        openapi_extensions=_DOCUMENTED.extensions,
    )
    def redact() -> Response:
        """Answer with a picture that passes the policy: it was checked again. A picture that
        cannot be checked, an animation or a video is refused with the code of its error.
        """  # noqa: D205 - shown to readers of the API as a paragraph
        moderator.admission.refuse_when_full()
        parsed = read_request(request, 1, REDACT)
        options, source = parsed.options, parsed.items[0].source
        if isinstance(source, InputError):
            raise source
        if unknown := sorted({*options.labels} - {label.name for label in moderator.labels}):
            msg = f"nothing here reports {', '.join(unknown)}"
            raise RequestError("invalid_field", msg, "labels")
        assert not isinstance(source, DecodedImage)  # noqa: S101 - a request brings bytes or a URL
        done = moderator.redact(
            source,
            Redaction(tuple(options.labels), options.method),
            options.policy,
            look=moderator.look(options.thorough),
            deadline_s=settings.redact_deadline_s,
        )
        return Response(done.data, content_type=f"image/{done.format}", headers=_headers(done))

    return routes


def _headers(done: Redacted) -> dict[str, str]:
    headers = {
        "Worksafe-Decision": done.after.action.value,
        "Worksafe-Decision-Before": done.before.action.value,
        "Worksafe-Policy": f'{done.policy.name}; version="{done.policy.version}"',
    }
    if done.areas:
        largest = sorted(done.areas, key=lambda area: -area.share)[:_MOST_NAMED]
        headers["Worksafe-Redacted"] = ", ".join(
            "{}; x={:.3f}; y={:.3f}; width={:.3f}; height={:.3f}; share={:.3f}".format(
                area.label, *area.box, area.share
            )
            for area in largest
        )
    return headers
