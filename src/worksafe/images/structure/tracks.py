"""What a film's file says of its tracks: refused where players show something else by it.

References
----------
.. [1] ISO/IEC 14496-12: ``moov`` and the boxes in it; 12.1.4 (``clap``).
.. [2] RFC 9559 (Matroska), ``Video``: ``PixelCrop``, ``DisplayUnit``, ``Projection``.
"""

import io
import struct
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

from worksafe.errors import UndecodableImageError
from worksafe.images.structure.containers import (
    SEGMENT,
    boxes,
    elements,
    looked_through,
    read_at,
)

_MOVIE, _MOST_MOVIE_BYTES = b"moov", 64 * 1024**2  # an hour's tables have a hundredth
_HOLDS_OTHERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
# Which of two counts is each player's choice; two kinds of one thing go by one name.
_ONCE = {
    b"mvhd": b"mvhd", b"tkhd": b"tkhd", b"edts": b"edts", b"mdia": b"mdia", b"mdhd": b"mdhd",
    b"minf": b"minf", b"stbl": b"stbl", b"stsd": b"stsd", b"stts": b"stts", b"stsc": b"stsc",
    b"ctts": b"ctts", b"stss": b"stss", b"stco": b"stco", b"co64": b"stco", b"stsz": b"stsz",
    b"stz2": b"stsz",
}  # fmt: skip
_MATRIX_AT = {0: 44, 1: 56}  # in the movie's head, by its version
_IDENTITY = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_EDIT, _LONG_EDIT, _EMPTY = struct.Struct(">Ii4s"), struct.Struct(">Qq4s"), -1
_ENTRIES_AT, _ENTRY_AT = 12, 16  # of the descriptions of samples: how many, and the first
_SIZE_AT = 32  # in an entry: width and height, in pixels
_MOST_CUT = 0.05  # of a side

_TRACKS, _TRACK, _VIDEO, _PROJECTION = 0x1654AE6B, 0xAE, 0xE0, 0x7670
_WIDTH, _HEIGHT = 0xB0, 0xBA
_CROPS = {_HEIGHT: (0x54AA, 0x54BB), _WIDTH: (0x54CC, 0x54DD)}
_SHOWN_WIDTH, _UNIT, _UNIT_UNKNOWN, _ROLL = 0x54B0, 0x54B2, 4, 0x7675
_NUMBERS = frozenset({_WIDTH, _HEIGHT, _SHOWN_WIDTH, _UNIT, *_CROPS[_WIDTH], *_CROPS[_HEIGHT]})
_NUMBER_BYTES = 8


def refuse_odd_tracks(file: BinaryIO, container: str) -> None:
    """Refuse a video that players show otherwise than it is decoded here.

    Parameters
    ----------
    file : binary file object
        Seekable; it is left where it stood.
    container : str
        As libavformat names it: ``mov,mp4,m4a,3gp,3g2,mj2`` or ``matroska,webm``. Others pass.

    Raises
    ------
    UndecodableImageError
        If a table is there twice; the whole film, not a track, is turned; a track has several
        kinds of samples, or is played in several parts; it is to be cut by more than a twentieth
        of a side, or stretched or turned in a way that not all players know.
    """
    with looked_through(file, "what it says") as end:
        if "mp4" in container:
            _refuse_odd_mp4(file, end)
        elif "matroska" in container:
            _refuse_odd_matroska(file, end)


def _refuse(what: str) -> None:
    msg = f"the video {what}, which players do not agree on"
    raise UndecodableImageError(msg)


def _refuse_odd_mp4(file: BinaryIO, end: int) -> None:
    movies = [box for box in boxes(file, 0, end) if box.kind == _MOVIE]
    if len(movies) > 1 or any(box.size > _MOST_MOVIE_BYTES for box in movies):
        _refuse("has several heads, or a huge one")
    for box in movies:
        movie = read_at(file, box.at, box.size)
        for parent, kinds in _nested(movie):
            known = Counter(_ONCE[kind] for kind in kinds if kind in _ONCE)
            if any(count > 1 for count in known.values()):
                _refuse(f"has a table of {parent.decode('ascii', 'replace')} twice")


def _nested(movie: bytes) -> Iterator[tuple[bytes, list[bytes]]]:
    """Go through the boxes in boxes: give the kinds in each, and refuse what is odd in one."""
    waiting, file = [(0, len(movie), _MOVIE)], io.BytesIO(movie)
    while waiting:
        start, end, parent = waiting.pop()
        kinds = []
        for box in boxes(file, start + 8, end):
            kinds.append(box.kind)
            if box.kind in _HOLDS_OTHERS:
                waiting.append((box.at, box.end, box.kind))
            elif box.kind == b"mvhd":
                _refuse_turned(movie[box.at : box.end])
            elif box.kind == b"edts":
                _refuse_odd_edits(movie[box.at : box.end])
            elif box.kind == b"stsd":
                _refuse_odd_samples(movie[box.at : box.end])
        yield parent, kinds


def _refuse_turned(head: bytes) -> None:
    at = _MATRIX_AT.get(head[8] if len(head) > 8 else 0, 0)  # noqa: PLR2004 - after size and kind
    matrix = head[at : at + len(_IDENTITY)]
    if matrix.strip(b"\0") and matrix != _IDENTITY:
        _refuse("is turned as a whole")


def _refuse_odd_edits(edits: bytes) -> None:
    """Refuse several parts: from one to the next players jump over what frames are made of."""
    at = edits.find(b"elst")
    if at < 0:
        return
    form = _EDIT if edits[at + 4 : at + 5] == b"\0" else _LONG_EDIT
    listed = edits[at + 12 :]
    starts = [
        start for _, start, _ in form.iter_unpack(listed[: len(listed) // form.size * form.size])
    ]
    (count,) = struct.unpack_from(">I", edits, at + 8)
    if sum(start != _EMPTY for start in starts[:count]) > 1:
        _refuse("is played in several parts")


def _refuse_odd_samples(descriptions: bytes) -> None:
    (count,) = struct.unpack_from(">I", descriptions, _ENTRIES_AT)
    if count > 1:
        _refuse("has samples of several kinds in a track")
    entry = descriptions[_ENTRY_AT:]
    at = entry.find(b"clap")
    if at < 0:
        return
    width, height = struct.unpack_from(">2H", entry, _SIZE_AT)
    across, by, down, per = struct.unpack_from(">4I", entry, at + 4)
    if by and per:
        _refuse_cut(1 - Fraction(across, by) / max(1, width))
        _refuse_cut(1 - Fraction(down, per) / max(1, height))


def _refuse_cut(share: Fraction) -> None:
    if share > _MOST_CUT:
        _refuse("is to be cut to a part")


def _refuse_odd_matroska(file: BinaryIO, end: int) -> None:
    said = Counter[int]()  # of one track
    for one in elements(file, end, frozenset({SEGMENT, _TRACKS, _TRACK, _VIDEO, _PROJECTION})):
        if one.kind in {_TRACKS, _TRACK}:
            said.clear()
        elif one.kind == _ROLL and read_at(file, one.body, one.size).strip(b"\0"):
            _refuse("is turned as a projection")
        elif one.kind in _NUMBERS:
            said[one.kind] = _whole(file, one.body, one.size)
            _refuse_odd_picture(said)


def _refuse_odd_picture(said: Counter[int]) -> None:
    """Refuse what a track has said of its picture so far."""
    if said[_UNIT] == _UNIT_UNKNOWN and said[_SHOWN_WIDTH]:
        _refuse("is to be shown in a size of no known unit")
    for side, crops in _CROPS.items():
        if said[side]:
            _refuse_cut(Fraction(sum(said[crop] for crop in crops), said[side]))


def _whole(file: BinaryIO, at: int, size: int) -> int:
    return int.from_bytes(read_at(file, at, min(size, _NUMBER_BYTES)), "big")
