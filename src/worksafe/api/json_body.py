"""A JSON body to plain values: bounded before it is parsed, and no member named twice."""

import json
import re
from collections.abc import Sequence
from typing import Any

from worksafe.api.errors import RequestError
from worksafe.api.request_schemas import FIELD

_VALUES_PER_IMAGE = 12  # names, strings, braces and commas of one with all its members
_SPARE_IMAGES = 16  # what the options may have

# A whole string, or what there is of one that is cut off: it matches at any quotation mark, and so
# never looks at a byte twice.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


def parse_json(body: bytes, max_images: int) -> Any:  # noqa: ANN401 - any JSON
    """Parse the body of a request with images.

    Parameters
    ----------
    body : bytes
        JSON in UTF-8.
    max_images : int
        More are refused.

    Returns
    -------
    object
        Dicts, lists, strings, numbers, bools or None.

    Raises
    ------
    RequestError
        If it is not JSON, names a member twice, or holds no images or more than it may.
    """
    _count_values(body, max_images)
    try:
        parsed = json.loads(body.decode(), object_pairs_hook=_members)
    except (ValueError, RecursionError) as error:
        msg = f"the body is not valid JSON: {_where(error)}"
        raise RequestError("malformed_json", msg) from error
    images = parsed.get(FIELD) if isinstance(parsed, dict) else None
    if isinstance(images, list):
        if not images:
            raise RequestError("missing_field", "the request has no images", FIELD)
        refuse_too_many(len(images), max_images)
    return parsed


def _where(error: ValueError | RecursionError) -> str:
    """Say what is wrong and where, with nothing of the body."""
    match error:
        case json.JSONDecodeError():
            return f"{error.msg}, line {error.lineno}, column {error.colno}"
        case UnicodeDecodeError():
            return f"byte {error.start} is not UTF-8"
        case RecursionError():
            return "it is nested too deeply"
    return "a number is too long, or a member's name contains an unpaired surrogate"


def refuse_too_many(images: int, max_images: int) -> None:
    """Raise RequestError where there are more images than a request may have."""
    if images > max_images:
        msg = f"{images} images; the limit of a request is {max_images}"
        raise RequestError("too_many_images", msg, FIELD)


def _count_values(body: bytes, max_images: int) -> None:
    """Refuse a body of far too many values: each costs many times its bytes once it is parsed."""
    most = _VALUES_PER_IMAGE * (max_images + _SPARE_IMAGES)
    found = end = 0
    for string in _STRING.finditer(body):
        found += 1 + _count_marks(body, end, string.start())
        end = string.end()
        if found > most:
            break
    if found + _count_marks(body, end, len(body)) > most:
        msg = f"more values than {max_images} images and their options can have"
        raise RequestError("too_many_images", msg, FIELD)


def _count_marks(body: bytes, start: int, end: int) -> int:
    # Lists without commas between them lie in each other: the parser bounds their depth.
    return sum(body.count(mark, start, end) for mark in (b"{", b","))


def _members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object; the library's keeps the last of two members of one name."""
    members: dict[str, Any] = {}
    for name, value in pairs:
        name.encode()  # ValueError where it holds half a surrogate pair, which no answer can repeat
        if name in members:
            msg = f"the member {name!r} is given twice"
            raise RequestError("malformed_json", msg, name)
        members[name] = value
    return members
