"""Where a player comes to that seeks in a video: all of it must lie on the way from its start.

A demuxer goes from one part of a file to the next and passes over what it does not know. A player
that seeks goes by the file's tables instead, and those may point into what was passed over:
pictures that nobody decodes who goes through the film from its start, and that are shown there.

References
----------
.. [1] ISO/IEC 14496-12 (MP4): boxes ``sidx``, ``mfra`` and ``tfra``.
.. [2] RFC 9559 (Matroska), ``SeekHead`` and ``Cues``; RFC 8794 (EBML), elements of unknown size.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from worksafe.errors import UndecodableImageError
from worksafe.images.structure.containers import (
    BOX_HEAD_BYTES,
    SEGMENT,
    boxes,
    elements,
    looked_through,
    read_at,
)
from worksafe.images.structure.marks import places_of

_NO_TABLES = frozenset({b"mdat", b"free", b"skip", b"wide", b"uuid"})  # and may be large
_MOST_BYTES = 1024**2  # of a `sidx`: 65,535 entries
_PIECE_BYTES = 1024**2

_TABLES = frozenset({0x114D9B74, 0x4DBB, 0x1C53BB6B, 0xBB, 0xB7})  # SeekHead, Cues, what is in them
_PLACES = frozenset({0x53AC, 0xF1})  # SeekPosition, CueClusterPosition


def refuse_hidden(file: BinaryIO, container: str) -> None:
    """Refuse a video whose tables name places that nobody comes to who reads it from its start.

    Parameters
    ----------
    file : binary file object
        Seekable; it is left where it stood.
    container : str
        As libavformat names it: ``mov,mp4,m4a,3gp,3g2,mj2`` or ``matroska,webm``. Others pass.

    Raises
    ------
    UndecodableImageError
        If it is so, or a table is damaged.
    """
    named, come_to = set[int](), set[int]()
    with looked_through(file, "its index") as end:
        if "mp4" in container:
            named, come_to = _places_in_mp4(file, end)
        elif "matroska" in container:
            named, come_to = _places_in_matroska(file, end)
    if any(place < end for place in named - come_to):  # beyond it no player comes to anything
        msg = "the video is damaged or cut off: its index names a part that is not there"
        raise UndecodableImageError(msg)


def _places_in_mp4(file: BinaryIO, end: int) -> tuple[set[int], set[int]]:
    """Find what tables of fragments name, and where the outermost boxes begin."""
    named, come_to = set[int](), set[int]()
    for box in boxes(file, 0, end):
        come_to.add(box.at)
        if box.kind not in _NO_TABLES:  # demuxers take one wherever it stands
            for found in _find_all(b"sidx", file, box.at, box.end):
                named.update(
                    found + place for place in _fragments(read_at(file, found, _MOST_BYTES))
                )
    size = int.from_bytes(read_at(file, max(0, end - 4), 4), "big")  # players look there first
    at = max(0, end - size)
    if read_at(file, at, BOX_HEAD_BYTES)[4:] == b"mfra":
        for found in _find_all(b"tfra", file, at, end):
            named.update(_points_of_access(read_at(file, found, end - found)))
    return named, come_to


def _find_all(kind: bytes, file: BinaryIO, at: int, end: int) -> Iterator[int]:
    """Find where boxes of a kind begin, a piece of the file at a time."""
    for start in range(at, end, _PIECE_BYTES):
        piece = read_at(file, start, min(_PIECE_BYTES + len(kind) - 1, end - start))
        for place in places_of(kind, piece):
            yield start + place - 4


def _fragments(box: bytes) -> Iterator[int]:
    """Yield the places that a ``sidx`` names, from its beginning on."""
    place, body = int.from_bytes(box[:4], "big"), BOX_HEAD_BYTES
    if place == 1:
        place, body = int.from_bytes(box[body : body + 8], "big"), body + 8
    form = struct.Struct(">12xII2xH" if box[body : body + 1] == b"\x00" else ">12xQQ2xH")
    _, first, count = form.unpack_from(box, body)
    place, body = place + first, body + form.size
    for (length,) in struct.iter_unpack(">I8x", box[body : body + 12 * count]):
        yield place
        place += length & 0x7FFF_FFFF  # the first bit tells tables from fragments


def _points_of_access(box: bytes) -> Iterator[int]:
    """Yield the places that a ``tfra`` names."""
    version, lengths, count = struct.unpack_from(">B7xII", box, BOX_HEAD_BYTES)
    numbers = sum(1 + (lengths >> shift & 3) for shift in (0, 2, 4))  # bytes of what follows
    form = struct.Struct(f">{'IQ'[version > 0] * 2}{numbers}x")
    body = BOX_HEAD_BYTES + 16
    for _, place in form.iter_unpack(box[body : body + form.size * count]):
        yield place


def _places_in_matroska(file: BinaryIO, end: int) -> tuple[set[int], set[int]]:
    """Find what tables name, and where the elements of the segment begin."""
    named, come_to = set[int](), set[int]()
    start = in_table_until = 0
    for one in elements(file, end, _TABLES | {SEGMENT}):
        if one.at >= in_table_until:
            come_to.add(one.at)
        if one.kind in _PLACES:
            named.add(start + int.from_bytes(read_at(file, one.body, min(one.size, 8)), "big"))
        if one.kind == SEGMENT:
            start = one.body
        elif one.kind in _TABLES and not one.is_open:
            in_table_until = max(in_table_until, one.body + one.size)
    return named, come_to
