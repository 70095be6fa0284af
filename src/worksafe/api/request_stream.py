"""A request's body as it comes: in memory, bounded, and read to its end before the answer."""

import io
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from flask import Request, Response, current_app
from flask import request as current_request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.formparser import FormDataParser

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_PIECE_BYTES = 1024**2
_MOST_DROPPED = 4  # times as many bytes as a request may have


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


class UnsupportedCoding(UnsupportedMediaType):
    """The body is compressed."""

    def get_headers(
        self, environ: "WSGIEnvironment | None" = None, scope: dict[str, Any] | None = None
    ) -> list[tuple[str, str]]:
        """Add what is accepted (RFC 9110, 15.5.16)."""
        return [*super().get_headers(environ, scope), ("Accept-Encoding", "identity")]


def refuse_coding(request: Request) -> None:
    """Raise UnsupportedCoding where a body is compressed: what it grows to is not known."""
    coding = request.content_encoding
    if coding and coding.strip().lower() != "identity":
        msg = f"send the body uncompressed, without the content coding {coding}"
        raise UnsupportedCoding(msg)


def allow_one_byte_more(request: Request) -> None:
    """Let a body without a stated length show that it is too large: it is cut at the ceiling."""
    if request.content_length is None and request.max_content_length is not None:
        request.max_content_length += 1


def is_too_large(request: Request) -> bool:
    """Return whether a body has more bytes than a request may have, as it says or as they came."""
    ceiling = current_app.config["MAX_CONTENT_LENGTH"]
    taken = request.content_length
    if taken is None:
        taken = request.environ["wsgi.input"].taken
    return bool(taken > ceiling)


def read_body(request: Request) -> bytes:
    """Read the whole body; raises RequestEntityTooLarge, or BadRequest where it is cut off."""
    body = request.get_data(cache=False)
    if is_too_large(request):
        raise RequestEntityTooLarge
    if request.content_length is not None and len(body) < request.content_length:
        raise BadRequest("the body is shorter than its length says")
    return body


def drop_rest(response: Response) -> Response:
    """Take in, and drop, what a client still sends before it is answered.

    A connection that is closed on a client which still sends may lose the answer. Of what is far
    too large some is left: who sends it all before reading does not get an answer.

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
    most, stated = _MOST_DROPPED * ceiling, request.content_length
    if stated is not None:
        most = min(most, stated)
    elif not request.environ.get("wsgi.input_terminated"):
        most = 0
    with suppress(BadRequest):  # it is gone, or sends what is no body
        while stream.taken < most and stream.read(min(_PIECE_BYTES, most - stream.taken)):
            pass
    return response
