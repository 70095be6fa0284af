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
    BOX_HEAD_BYTES,
    SEGMENT,
    boxes,
    elements,
    looked_through,
    read_at,
)

_MOVIE, _MOST_MOVIE_BYTES = b"moov", 64 * 1024**2  # an hour's tables have a hundredth
_LIKE_A_MOVIE = frozenset({_MOVIE, b"hoov", b"cmov"})  # some take them for one
_HOLDS_OTHERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"})
_EDIT_LIST = b"elst"
_BELONGS = {_EDIT_LIST: b"edts", b"edts": b"trak"}  # some obey it wherever it is
# Which of two counts is each player's choice; two kinds of one thing go by one name.
_ONCE = {
    b"mvhd": b"mvhd", b"tkhd": b"tkhd", b"edts": b"edts", b"elst": b"elst", b"mdia": b"mdia",
    b"mdhd": b"mdhd", b"minf": b"minf", b"stbl": b"stbl", b"stsd": b"stsd", b"stts": b"stts",
    b"stsc": b"stsc", b"ctts": b"ctts", b"stss": b"stss", b"stco": b"stco", b"co64": b"stco",
    b"stsz": b"stsz", b"stz2": b"stsz",
}  # fmt: skip
_MATRIX_AT = {0: 44, 1: 56}  # in the movie's head, by its version
_IDENTITY = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_EDITS, _EMPTY = {0: struct.Struct(">Ii4s"), 1: struct.Struct(">Qq4s")}, -1  # by version
_ENTRIES_AT, _ENTRY_AT = 12, 16  # of the descriptions of samples: how many, and the first
_SIZE_AT = 32  # in an entry: width and height, in pixels
_MOST_CUT = 0.05  # of a side

_TRACKS, _TRACK, _VIDEO, _PROJECTION = 0x1654AE6B, 0xAE, 0xE0, 0x7670
_WIDTH, _HEIGHT = 0xB0, 0xBA
_CROPS = {_HEIGHT: (0x54AA, 0x54BB), _WIDTH: (0x54CC, 0x54DD)}
_SHOWN_WIDTH, _UNIT, _UNIT_UNKNOWN, _ROLL = 0x54B0, 0x54B2, 4, 0x7675
_NUMBERS = frozenset({_WIDTH, _HEIGHT, _SHOWN_WIDTH, _UNIT, *_CROPS[_WIDTH], *_CROPS[_HEIGHT]})
_NUMBER_BYTES = 8
_CLUSTER, _BLOCK_GROUP, _ADDITIONS, _ADDITION = 0x1F43B675, 0xA0, 0x75A1, 0xA6


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
        If a head or a table is there twice, or a list of edits where none belongs; the whole film,
        not a track, is turned; a track has several kinds of samples, or is played in several parts;
        it is to be cut by more than a twentieth of a side, or stretched or turned in a way that not
        all players know.
    """
    with looked_through(file, "what it says") as end:
        if "mp4" in container:
            _refuse_odd_mp4(file, end)
        elif "matroska" in container:
            _refuse_odd_matroska(file, end)


def refuse_several_additions(file: BinaryIO) -> None:
    """Refuse a Matroska file of which one block has several things beside it.

    Demuxers keep one of them: the last, or that which says how see-through the block is.

    Parameters
    ----------
    file : binary file object
        Seekable; it is left where it stood.

    Raises
    ------
    UndecodableImageError
        If so.
    """
    entered = frozenset({SEGMENT, _CLUSTER, _BLOCK_GROUP, _ADDITIONS})
    with looked_through(file, "what it says") as end:
        beside = 0
        for one in elements(file, end, entered):
            beside = beside + 1 if one.kind == _ADDITION else 0
            if beside > 1:
                _refuse("has several things beside a block")


def _refuse(what: str) -> None:
    msg = f"the video {what}, which players do not agree on"
    raise UndecodableImageError(msg)


def _refuse_odd_mp4(file: BinaryIO, end: int) -> None:
    heads = [box for box in boxes(file, 0, end) if box.kind in _LIKE_A_MOVIE]
    if [box.kind for box in heads] != [_MOVIE] or heads[0].size > _MOST_MOVIE_BYTES:
        _refuse("has several heads, a huge one or none")
    movie = read_at(file, heads[0].at, heads[0].size)
    lists = 0
    for parent, kinds in _nested(movie):
        known = Counter(_ONCE[kind] for kind in kinds if kind in _ONCE)
        if any(count > 1 for count in known.values()):
            _refuse(f"has a table of {parent.decode('ascii', 'replace')} twice")
        lists += kinds.count(_EDIT_LIST)
    if movie.count(_EDIT_LIST) != lists:
        _refuse("has a list of edits where none belongs")


def _nested(movie: bytes) -> Iterator[tuple[bytes, list[bytes]]]:
    """Go through the boxes in boxes: give the kinds in each, and refuse what is odd in one."""
    waiting, file = [(0, len(movie), _MOVIE)], io.BytesIO(movie)
    while waiting:
        start, end, parent = waiting.pop()
        kinds = []
        for box in boxes(file, start + 8, end):
            kinds.append(box.kind)
            if _BELONGS.get(box.kind, parent) != parent:
                _refuse("has a list of edits where none belongs")
            if box.kind in _HOLDS_OTHERS:
                waiting.append((box.at, box.end, box.kind))
            elif box.kind == b"mvhd":
                _refuse_turned(movie[box.at : box.end])
            elif box.kind == _EDIT_LIST:
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
    version, count = struct.unpack_from(">B3xI", edits, BOX_HEAD_BYTES)
    if version not in _EDITS:
        _refuse("has a list of edits of no known version")
    form, listed = _EDITS[version], edits[BOX_HEAD_BYTES + 8 :]
    starts = [
        start for _, start, _ in form.iter_unpack(listed[: len(listed) // form.size * form.size])
    ]
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
