"""A request with images to items and options: multipart, JSON or a raw image, all in memory."""

import base64
import binascii
import io
import re
import string
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, Generic, TypeVar, get_origin

from flask import Request, Response, current_app
from flask import request as current_request
from pydantic import ValidationError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.formparser import FormDataParser

from worksafe.api.errors import RequestError, request_error_from
from worksafe.api.json_body import parse_json
from worksafe.api.request_schemas import (
    MAX_ID,
    CheckBody,
    CheckOptions,
    ImageEntry,
    Options,
    RedactBody,
    RedactOptions,
)
from worksafe.errors import InputError, InvalidBase64Error
from worksafe.images.source import Url
from worksafe.items import Item

AnyOptions = TypeVar("AnyOptions", bound=Options)

FIELD = "images"
RAW_TYPE = "application/octet-stream"

_DATA_URL = re.compile(r"data:[^,;]*(?:;[^,;=]+=[^,;]*)*;base64,", re.IGNORECASE)
_SPACES = string.whitespace.encode()
_PIECE_BYTES = 1024**2
_ACCEPTED = f"multipart/form-data, application/json, image/*, video/* or {RAW_TYPE}"


class ClientStream:
    """A body as its client sends it: what goes wrong while it is read is the client's doing.

    Parameters
    ----------
    stream : binary file object
        Of the server, which has exceptions of its own for malformed chunks and lost connections.

    Attributes
    ----------
    taken : int
        Bytes read so far.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes at most; raises BadRequest where that fails."""
        try:
            read = self._stream.read(size)
        except Exception as error:
            msg = "the body could not be read: a malformed chunk, or cut off"
            raise BadRequest(msg) from error
        self.taken += len(read)
        return read


class InMemoryRequest(Request):
    """A request whose uploads stay in memory: the framework's own go to a file on disk.

    Parameters
    ----------
    environ : dict
        Of WSGI.
    populate_request, shallow : bool
        As the framework's.

    Attributes
    ----------
    files_begun : int
        Of a form: how many the parser came to, also where it gave up.
    """

    files_begun = 0

    def __init__(
        self, environ: dict[str, Any], populate_request: bool = True, shallow: bool = False
    ) -> None:
        super().__init__(environ, populate_request, shallow)
        environ["wsgi.input"] = ClientStream(environ["wsgi.input"])

    def _get_file_stream(
        self,
        total_content_length: int | None,  # noqa: ARG002 - the framework's signature
        content_type: str | None,  # noqa: ARG002 - the same
        filename: str | None = None,  # noqa: ARG002 - the same
        content_length: int | None = None,  # noqa: ARG002 - the same
    ) -> IO[bytes]:
        self.files_begun += 1
        return io.BytesIO()

    def make_form_data_parser(self) -> FormDataParser:
        """Make a parser that says when a form is malformed; the framework's gives no fields."""
        parser = super().make_form_data_parser()
        parser.silent = False
        return parser


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


def drop_rest(response: Response) -> Response:
    """Take in, and drop, what a client still sends before it is answered.

    A connection that is closed on a client which still sends may lose the answer.

    Parameters
    ----------
    response : Response
        That is about to be given.

    Returns
    -------
    Response
        The same.
    """
    request = current_request
    stream, ceiling = request.environ["wsgi.input"], current_app.config["MAX_CONTENT_LENGTH"]
    most = request.content_length
    if most is None:
        most = ceiling if request.environ.get("wsgi.input_terminated") else 0
    with suppress(BadRequest):  # it is gone, or sends what is no body
        while stream.taken < min(most, ceiling) and stream.read(_PIECE_BYTES):
            pass
    return response


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
    _refuse_coding(request)
    _allow_one_byte_more(request)
    if request.mimetype == "multipart/form-data":
        _parse_form(request, max_images)
        items = _uploads(request)
        options = _join(shape, _fields(request.form, shape), _fields(request.args, shape))
        parsed = ImageRequest(items, options)
    elif request.mimetype == "application/json":
        parsed = _from_json(request, max_images, shape)
    elif request.mimetype.startswith(("image/", "video/")) or request.mimetype == RAW_TYPE:
        parsed = ImageRequest((Item(_body(request)),), _fields(request.args, shape))
    else:
        given = f"not {request.mimetype}" if request.mimetype else "and the request names none"
        msg = f"the content type must be {_ACCEPTED}, {given}"
        raise UnsupportedMediaType(msg)
    if len(parsed.items) > max_images:
        msg = f"{len(parsed.items)} images; the limit of a request is {max_images}"
        raise RequestError("too_many_images", msg, FIELD)
    return parsed


def read_uploads(request: Request, max_images: int) -> tuple[Item, ...]:
    """Read a multipart request that has images and nothing else; raises as the above."""
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType("the content type must be multipart/form-data")
    parsed = read_request(request, max_images, CHECK)
    for name in parsed.options.model_fields_set:
        msg = f"there is no field {name} here"
        raise RequestError("unknown_field", msg, name)
    return parsed.items


def _refuse_coding(request: Request) -> None:
    coding = request.content_encoding
    if coding and coding.strip().lower() != "identity":
        msg = f"the body must come as it is, without the content coding {coding}"
        raise UnsupportedMediaType(msg)


def _allow_one_byte_more(request: Request) -> None:
    """Let a body without a stated length show that it is too large: it is cut at the ceiling."""
    if request.content_length is None and request.max_content_length is not None:
        request.max_content_length += 1


def _is_too_large(request: Request) -> bool:
    """Tell whether a body has more bytes than a request may have, as it says or as they came."""
    ceiling = current_app.config["MAX_CONTENT_LENGTH"]
    taken = request.content_length
    if taken is None:
        taken = request.environ["wsgi.input"].taken
    return bool(taken > ceiling)


def _body(request: Request) -> bytes:
    """Read the whole body, or refuse it."""
    body = request.get_data(cache=False)
    if _is_too_large(request):
        raise RequestEntityTooLarge
    if request.content_length is not None and len(body) < request.content_length:
        raise BadRequest("the body is shorter than its length says")
    return body


def _parse_form(request: Request, max_images: int) -> None:
    """Parse the whole form, which the framework else does at the first look at a field."""
    try:
        request.files  # noqa: B018 - parses
    except RequestEntityTooLarge as error:
        if _is_too_large(request):
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
        Item(upload.stream.read(), (upload.filename or "")[:MAX_ID] or None) for upload in uploads
    )


def _fields(fields: MultiDict[str, str], shape: RequestShape[AnyOptions]) -> AnyOptions:
    """Read options from form fields, or from query parameters."""
    values: dict[str, Any] = {}
    for name, texts in fields.lists():
        values[name] = _split(texts) if name in shape.lists else texts[-1]
        if name not in shape.lists and len(set(texts)) > 1:
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
    values = parse_json(_body(request), max_images, FIELD)
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
        return InvalidBase64Error("the text is no valid base64")
