"""The parts of a film's file, one after the other: boxes of MP4, elements of Matroska.

References
----------
.. [1] ISO/IEC 14496-12 (MP4); RFC 8794 (EBML), RFC 9559 (Matroska).
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from worksafe.errors import UndecodableImageError

BOX_HEAD_BYTES = 8
SEGMENT = 0x18538067

_LONG_BOX_HEAD_BYTES, _ELEMENT_HEAD_BYTES = 16, 12
_ID_BYTES = 4  # at most


@contextmanager
def looked_through(file: BinaryIO, what: str) -> Iterator[int]:
    """Look through a film's file, and leave it where it stood.

    Parameters
    ----------
    file : binary file object
        Seekable.
    what : str
        What is looked for, as a message says it.

    Yields
    ------
    int
        Where the file ends.

    Raises
    ------
    UndecodableImageError
        If something is too short to be unpacked.
    """
    stood = file.tell()
    try:
        yield file.seek(0, 2)
    except struct.error as error:
        msg = f"the video is damaged: {what} is cut off"
        raise UndecodableImageError(msg) from error
    finally:
        file.seek(stood)


def read_at(file: BinaryIO, at: int, size: int) -> bytes:
    """Read so many bytes at most from there on."""
    file.seek(at)
    return file.read(size)


def boxes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[int, bytes, int]]:
    """Go through boxes that follow each other.

    Parameters
    ----------
    file : binary file object
        Seekable.
    at, end : int
        From where to where.

    Yields
    ------
    int, bytes, int
        Where the box begins, of which kind it is, and how many bytes it has; the last one may go
        on to the end.
    """
    while at < end:
        head = read_at(file, at, _LONG_BOX_HEAD_BYTES)
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1:
            size = int.from_bytes(head[8:], "big")
        if size < BOX_HEAD_BYTES:  # the last box, or none
            size = end - at
        yield at, kind, min(size, end - at)
        at += size


@dataclass(frozen=True, slots=True)
class Element:
    """An element of Matroska.

    Attributes
    ----------
    at, body : int
        Where it begins, and where what it holds does.
    kind : int
        Its number, with the leading bit.
    size : int
        Bytes of what it holds.
    is_open : bool
        It does not say its size: its end is where something else begins.
    """

    at: int
    body: int
    kind: int
    size: int
    is_open: bool


def elements(file: BinaryIO, end: int, entered: frozenset[int]) -> Iterator[Element]:
    """Go through the elements of a Matroska file.

    Parameters
    ----------
    file : binary file object
        Seekable.
    end : int
        Of the file.
    entered : frozenset of int
        Kinds whose own elements are gone through, too, after them.

    Yields
    ------
    Element
        Until something is none.
    """
    at = 0
    while at < end:
        head = read_at(file, at, _ELEMENT_HEAD_BYTES)
        kind, kind_bytes = _read_number(head)
        size, size_bytes = _read_number(head[kind_bytes:])
        if not (kind_bytes and size_bytes) or kind_bytes > _ID_BYTES:
            return  # no element; what comes after it is found by nobody but by its place
        body = at + kind_bytes + size_bytes
        size -= 1 << 7 * size_bytes  # the bit that tells how many bytes it has
        is_open = size == (1 << 7 * size_bytes) - 1
        yield Element(at, body, kind, size, is_open)
        if kind == SEGMENT and not is_open:
            end = min(end, body + size)
        at = body if is_open or kind in entered else body + size


def _read_number(data: bytes) -> tuple[int, int]:
    """Read a number of EBML with its leading bit, and how many bytes it has; 0 if it is none."""
    length = 9 - data[0].bit_length() if data and data[0] else 0
    return int.from_bytes(data[:length], "big"), length if length <= len(data) else 0
