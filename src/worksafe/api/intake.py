"""A request with images to items and options: multipart, JSON or a raw image, all in memory."""

import base64
import binascii
import io
import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_origin

from flask import Request
from pydantic import ValidationError
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from worksafe.api.errors import RequestError, request_error_from
from worksafe.api.json_body import parse_json, refuse_too_many
from worksafe.api.request_schemas import (
    FIELD,
    MAX_ID,
    CheckBody,
    CheckOptions,
    ImageEntry,
    Options,
    RedactBody,
    RedactOptions,
)
from worksafe.api.request_stream import (
    allow_one_byte_more,
    is_too_large,
    read_body,
    refuse_coding,
)
from worksafe.errors import InputError, InvalidBase64Error
from worksafe.images.source import Url
from worksafe.items import Item

AnyOptions = TypeVar("AnyOptions", bound=Options)

FORM_TYPE = "multipart/form-data"
RAW_TYPE = "application/octet-stream"

_DATA_URL = re.compile(r"data:[^,;]*(?:;[^,;=]+=[^,;]*)*;base64,", re.IGNORECASE)
_SPACES = string.whitespace.encode()
_ACCEPTED = f"{FORM_TYPE}, application/json, image/*, video/* or {RAW_TYPE}"


@dataclass(frozen=True, slots=True)
class ImageRequest(Generic[AnyOptions]):
    """A request with images, parsed."""

    items: tuple[Item, ...]
    options: AnyOptions


@dataclass(frozen=True, slots=True)
class RequestShape(Generic[AnyOptions]):
    """What a request may say, beside its images: as fields and query, and as one JSON body."""

    options: type[AnyOptions]
    body: type[CheckBody] | type[RedactBody]

    def read(self, values: Mapping[str, Any]) -> AnyOptions:
        """Check options.

        Raises
        ------
        RequestError
            If one is unknown or wrong.
        """
        try:
            return self.options.model_validate(values)
        except ValidationError as error:
            raise request_error_from(error) from error

    @property
    def lists(self) -> set[str]:
        """The options that have several values, separated by commas."""
        fields = self.options.model_fields.items()
        return {name for name, field in fields if get_origin(field.annotation) is list}


CHECK = RequestShape(CheckOptions, CheckBody)
REDACT = RequestShape(RedactOptions, RedactBody)


def read_request(
    request: Request, max_images: int, shape: RequestShape[AnyOptions]
) -> ImageRequest[AnyOptions]:
    """Read a request with images, in any of its three forms.

    Parameters
    ----------
    request : Request
        Of Flask.
    max_images : int
        More are refused.
    shape : RequestShape
        The options that it may have.

    Returns
    -------
    ImageRequest
        An image that cannot even be received is an item in error.

    Raises
    ------
    RequestError
        If the request itself is wrong: malformed, no images, too many, a wrong field.
    UnsupportedMediaType
        If its content type is none of the three, or its body is compressed.
    BadRequest
        If its body cannot be read, or is shorter than its length says.
    """
    refuse_coding(request)
    allow_one_byte_more(request)
    if request.mimetype == FORM_TYPE:
        _parse_form(request, max_images)
        items = _uploads(request)
        refuse_too_many(len(items), max_images)
        options = _join(shape, _fields(request.form, shape), _fields(request.args, shape))
        parsed = ImageRequest(items, options)
    elif request.mimetype == "application/json":
        parsed = _from_json(request, max_images, shape)
    elif request.mimetype.startswith(("image/", "video/")) or request.mimetype == RAW_TYPE:
        parsed = ImageRequest((Item(read_body(request)),), _fields(request.args, shape))
    else:
        given = f"not {request.mimetype}" if request.mimetype else "and the request names none"
        msg = f"the content type must be {_ACCEPTED}, {given}"
        raise UnsupportedMediaType(msg)
    return parsed


def read_uploads(request: Request, max_images: int) -> tuple[Item, ...]:
    """Read a multipart request that has images and nothing else; raises as the above."""
    if request.mimetype != FORM_TYPE:
        msg = f"the content type must be {FORM_TYPE}"
        raise UnsupportedMediaType(msg)
    parsed = read_request(request, max_images, CHECK)
    for name in parsed.options.model_fields_set:
        msg = f"there is no field {name} here"
        raise RequestError("unknown_field", msg, name)
    return parsed.items


def _parse_form(request: Request, max_images: int) -> None:
    """Parse the whole form, which the framework else does at the first look at a field."""
    try:
        request.files  # noqa: B018 - parses
    except RequestEntityTooLarge as error:
        if is_too_large(request):
            raise
        if getattr(request, "files_begun", 0) > max_images:
            msg = f"more images than {max_images}, the limit of a request"
            raise RequestError("too_many_images", msg, FIELD) from error
        msg = "a text field of over 500 kB, or more fields than there are options"
        raise RequestError("invalid_field", msg) from error
    except ValueError as error:
        msg = "the form is malformed: no boundary, cut off, or a file name that is not UTF-8"
        raise RequestError("malformed_multipart", msg) from error


def _uploads(request: Request) -> tuple[Item, ...]:
    for name in request.files:
        if name != FIELD:
            msg = f"files belong into the field {FIELD!r}, not {name!r}"
            raise RequestError("unknown_field", msg, name)
    if FIELD in request.form:
        msg = f"the field {FIELD!r} holds text; send files (curl: -F {FIELD}=@picture.jpg)"
        raise RequestError("invalid_field", msg, FIELD)
    uploads = request.files.getlist(FIELD)
    if not uploads:
        msg = f"the request has no images; send files in the field {FIELD!r}"
        raise RequestError("missing_field", msg, FIELD)
    return tuple(
        Item(_content(upload), (upload.filename or "")[:MAX_ID] or None) for upload in uploads
    )


def _content(upload: FileStorage) -> bytes:
    """Return an upload's bytes, which are in memory once: read, they would be so twice."""
    assert isinstance(upload.stream, io.BytesIO)  # noqa: S101 - what `InMemoryRequest` makes
    return upload.stream.getvalue()


def _fields(fields: MultiDict[str, str], shape: RequestShape[AnyOptions]) -> AnyOptions:
    """Read options from form fields, or from query parameters."""
    values: dict[str, Any] = {}
    for name, texts in fields.lists():
        if name in shape.lists:
            if several := _split(texts):  # none: a field that nobody has filled in
                values[name] = several
            continue
        values[name] = texts[-1]
        if len(set(texts)) > 1:
            msg = f"{name} is given {len(texts)} times, with different values"
            raise RequestError("invalid_field", msg, name)
    return shape.read(values)


def _join(shape: RequestShape[AnyOptions], *several: AnyOptions) -> AnyOptions:
    """Join options from several places, which must not contradict each other."""
    joined: dict[str, Any] = {}
    for options in several:
        for name, value in options.model_dump(exclude_unset=True, exclude_none=True).items():
            known = joined.setdefault(name, value)
            is_same = set(known) == set(value) if name in shape.lists else known == value
            if not is_same:
                msg = f"{name} is given twice, as {joined[name]!r} and as {value!r}"
                raise RequestError("invalid_field", msg, name)
    return shape.read(joined)


def _split(texts: Iterable[str]) -> list[str]:
    return [part.strip() for text in texts for part in text.split(",") if part.strip()]


def _from_json(
    request: Request, max_images: int, shape: RequestShape[AnyOptions]
) -> ImageRequest[AnyOptions]:
    values = parse_json(read_body(request), max_images)
    try:
        body = shape.body.model_validate(values)
    except ValidationError as error:
        raise request_error_from(error) from error
    own = shape.read(body.model_dump(exclude={FIELD}, exclude_unset=True))
    return ImageRequest(
        tuple(Item(_source(entry), entry.id) for entry in body.images),
        _join(shape, own, _fields(request.args, shape)),
    )


def _source(entry: ImageEntry) -> bytes | Url | InputError:
    if entry.url is not None:
        return Url(entry.url)
    text = entry.base64
    if entry.data_url is not None:
        head = _DATA_URL.match(entry.data_url)
        if head is None:
            return InvalidBase64Error("the data URL does not begin with data:...;base64,")
        text = entry.data_url[head.end() :]
    try:
        # Many encoders break lines after 76 characters; anything else that is foreign is refused.
        letters = (text or "").encode("ascii").translate(None, _SPACES)
        return base64.b64decode(letters, validate=True)
    except (binascii.Error, ValueError):  # ValueError: characters beyond ASCII
        hint = "; of a data URL the member is data_url" * (text or "").startswith("data:")
        return InvalidBase64Error(f"the text is not valid base64 (RFC 4648, 4, padded){hint}")
