"""STATUS_BY_ERROR: the one place where exceptions become HTTP."""

import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app
from pydantic import ValidationError
from werkzeug.exceptions import (
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)

from worksafe.api.response_schemas import Problem
from worksafe.errors import (
    ClosedError,
    DatasetError,
    DeadlineExceededError,
    InputError,
    InternalError,
    OverloadedError,
    PolicyError,
    SettingsError,
    StoredResultsError,
    TrainingError,
    UnknownPolicyError,
    WeightsError,
    WorksafeError,
)
from worksafe.wording import plain

PROBLEM_TYPE = "application/problem+json"
RETRY_AFTER_S = 1

_log = logging.getLogger(__name__)


class RequestError(WorksafeError):
    """The request itself is wrong.

    Parameters
    ----------
    code : str
        Stable, for programs.
    detail : str
        For people.
    field : str, optional
        The part of the request that is wrong.
    """

    def __init__(self, code: str, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.field = field


# An exception's status is that of the nearest class above it that stands here.
STATUS_BY_ERROR: dict[type[WorksafeError], HTTPStatus] = {
    WorksafeError: HTTPStatus.INTERNAL_SERVER_ERROR,
    RequestError: HTTPStatus.UNPROCESSABLE_ENTITY,
    InputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    DeadlineExceededError: HTTPStatus.SERVICE_UNAVAILABLE,
    InternalError: HTTPStatus.INTERNAL_SERVER_ERROR,
    UnknownPolicyError: HTTPStatus.UNPROCESSABLE_ENTITY,
    OverloadedError: HTTPStatus.SERVICE_UNAVAILABLE,
    ClosedError: HTTPStatus.SERVICE_UNAVAILABLE,
    SettingsError: HTTPStatus.INTERNAL_SERVER_ERROR,
    PolicyError: HTTPStatus.INTERNAL_SERVER_ERROR,
    StoredResultsError: HTTPStatus.INTERNAL_SERVER_ERROR,
    WeightsError: HTTPStatus.INTERNAL_SERVER_ERROR,
    DatasetError: HTTPStatus.INTERNAL_SERVER_ERROR,
    TrainingError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

_OF_JSON = {"model_type": "must be an object", "list_type": 'must be a list, such as ["a", "b"]'}
_CODE_BY_HTTP_ERROR: dict[type[HTTPException], str] = {
    RequestEntityTooLarge: "body_too_large",
    UnsupportedMediaType: "unsupported_media_type",
}


def register_errors(app: Flask) -> None:
    """Answer every exception with a problem document."""
    app.register_error_handler(WorksafeError, _answer_ours)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_unknown)


def problem(status: HTTPStatus, code: str, detail: str, field: str | None = None) -> Response:
    """Make a problem document.

    Parameters
    ----------
    status : HTTPStatus
        Its phrase is the title.
    code : str
        Stable, for programs.
    detail : str
        For people.
    field : str, optional
        The part of the request that is wrong.

    Returns
    -------
    Response
    """
    document = Problem(
        type=f"urn:worksafe:problem:{code}",
        title=status.phrase,
        status=status,
        detail=detail,
        code=code,
        field=field,
    )
    response = Response(
        document.model_dump_json(exclude_none=True), status=status, content_type=PROBLEM_TYPE
    )
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def problem_responses(*statuses: int) -> dict[str | int, Any]:
    """Document that a route may answer with problems of these statuses, or with a fault of ours."""
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    responses: dict[str | int, Any] = {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {PROBLEM_TYPE: {"schema": schema}},
        }
        for status in (*statuses, HTTPStatus.INTERNAL_SERVER_ERROR.value)
    }
    if HTTPStatus.SERVICE_UNAVAILABLE in responses:
        retry = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
        responses[HTTPStatus.SERVICE_UNAVAILABLE]["headers"] = {"Retry-After": retry}
    return responses


def request_error_from(error: ValidationError) -> RequestError:
    """Name the first field that a schema refuses."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or None
    code = {"extra_forbidden": "unknown_field", "missing": "missing_field"}.get(
        first["type"], "invalid_field"
    )
    if code == "unknown_field":
        return RequestError(code, f"there is no field {field}", field)
    message = _OF_JSON.get(first["type"], plain(first))
    return RequestError(code, f"{field}: {message}" if field else message, field)


def _answer_ours(error: WorksafeError) -> Response:
    status = next(STATUS_BY_ERROR[kind] for kind in type(error).__mro__ if kind in STATUS_BY_ERROR)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _answer_unknown(error)
    field = error.field if isinstance(error, RequestError) else None
    if isinstance(error, UnknownPolicyError):
        field = "policy"
    return problem(status, error.code, str(error), field)


def _answer_http(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    code = next(
        (code for kind, code in _CODE_BY_HTTP_ERROR.items() if isinstance(error, kind)),
        status.name.lower(),
    )
    detail = error.description or status.description
    if isinstance(error, RequestEntityTooLarge):
        most = current_app.config["MAX_CONTENT_LENGTH"]
        detail = f"the body has more than {most} bytes, the limit (WORKSAFE_MAX_REQUEST_BYTES)"
    elif isinstance(error, NotFound):
        detail = "there is nothing at this address; /docs lists what there is"
    elif isinstance(error, MethodNotAllowed):
        detail = f"this address takes {', '.join(sorted(error.valid_methods or ()))}"
    response = problem(status, code, detail)
    for name, value in error.get_headers():
        if name.lower() != "content-type":  # Allow of a 405
            response.headers[name] = value
    return response


def _answer_unknown(error: Exception) -> Response:
    _log.error("request failed", exc_info=error)
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal_error",
        "the request could not be answered; the server's log says why",
    )
