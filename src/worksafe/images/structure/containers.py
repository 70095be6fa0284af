"""The parts of a file, one after the other: boxes of MP4, AVIF and HEIC, elements of Matroska.

References
----------
.. [1] ISO/IEC 14496-12 (MP4): boxes, ``ftyp``; RFC 8794 (EBML), RFC 9559 (Matroska).
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from worksafe.errors import UndecodableImageError

BOX_HEAD_BYTES = 8
SEGMENT = 0x18538067
MOST_BRAND_BYTES = 512  # of the box that says what a file is; encoders write 20 to 60

_LONG_BOX_HEAD_BYTES, _ELEMENT_HEAD_BYTES = 16, 12
_FIRST_BRAND_AT = 16
# As libavformat does, which players are made of: it obeys a box wherever it finds one in these.
_HOLD_OTHERS = frozenset({
    b"moov", b"hoov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta", b"tref", b"dinf",
    b"mvex", b"moof", b"traf", b"sinf", b"schi", b"gmhd", b"wave", b"ilst", b"ipro",
})  # fmt: skip
_META, _HANDLER, _META_HEAD_BYTES = b"meta", b"hdlr", 64
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


class Box(NamedTuple):
    """A box of MP4, or of AVIF and HEIC.

    Attributes
    ----------
    at : int
        Where it begins.
    kind : bytes
        As it says.
    size : int
        How many bytes it has.
    is_possible : bool
        Whether a box can have the size that it says; nobody knows where one that cannot ends.
    is_long : bool
        Whether it says its size in 64 bits, after its kind.
    """

    at: int
    kind: bytes
    size: int
    is_possible: bool
    is_long: bool = False

    @property
    def body(self) -> int:
        """Where what it holds begins."""
        return self.at + (_LONG_BOX_HEAD_BYTES if self.is_long else BOX_HEAD_BYTES)

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.at + self.size


def boxes(file: BinaryIO, at: int, end: int) -> Iterator[Box]:
    """Go through boxes that follow each other.

    Parameters
    ----------
    file : binary file object
        Seekable.
    at, end : int
        From where to where.

    Yields
    ------
    Box
        The last one may go on to the end.
    """
    while at < end:
        head = read_at(file, at, _LONG_BOX_HEAD_BYTES)
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        is_possible, is_long = size == 0 or size >= BOX_HEAD_BYTES, size == 1
        if is_long:
            size = int.from_bytes(head[8:], "big")
            is_possible = size >= _LONG_BOX_HEAD_BYTES
        if size < BOX_HEAD_BYTES:  # the last box, or none
            size = end - at
        yield Box(at, kind, min(size, end - at), is_possible, is_long)
        at += size


def nested(file: BinaryIO, at: int, end: int) -> Iterator[tuple[Box, Box]]:
    """Go through boxes, and through those in them wherever players look for any.

    Parameters
    ----------
    file : binary file object
        Seekable.
    at, end : int
        From where to where.

    Yields
    ------
    tuple of Box and Box
        What holds it, at first one of no kind, and the box.
    """
    waiting = [(Box(at, b"", end - at, is_possible=True), at)]
    while waiting:
        parent, start = waiting.pop()
        for box in boxes(file, start, parent.end):
            if box.kind in _HOLD_OTHERS:
                waiting.append((box, box.body))
            elif box.kind == _META:  # with four bytes before the first, or without
                before = read_at(file, box.at, min(box.size, _META_HEAD_BYTES)).find(_HANDLER)
                waiting.append((box, max(box.at + before - 4, box.body)))
            yield parent, box


@dataclass(frozen=True, slots=True)
class Brands:
    """What a file says it is.

    Attributes
    ----------
    major : bytes
        What it is first of all.
    others : frozenset of bytes
        What it is, too.
    """

    major: bytes
    others: frozenset[bytes]


def read_brands(head: bytes) -> Brands | None:
    """Read the box that a file begins with.

    Parameters
    ----------
    head : bytes
        Its first `MOST_BRAND_BYTES`, or all of it.

    Returns
    -------
    Brands or None
        None where the box is none that anybody writes.
    """
    size = int.from_bytes(head[:4], "big")
    if not _FIRST_BRAND_AT <= size <= MOST_BRAND_BYTES:
        return None
    others = (head[at : at + 4] for at in range(_FIRST_BRAND_AT, size, 4))
    return Brands(head[8:12], frozenset(others))


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
