"""What a film's file says of its tracks: refused where players show something else by it.

References
----------
.. [1] ISO/IEC 14496-12: ``moov`` and the boxes in it; 12.1.4 (``clap``).
.. [2] RFC 9559 (Matroska), ``Video``: ``PixelCrop``, ``DisplayUnit``, ``Projection``.
"""

import io
import struct
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import BinaryIO

from worksafe.errors import UndecodableImageError
from worksafe.images.structure.containers import (
    BOX_HEAD_BYTES,
    SEGMENT,
    boxes,
    elements,
    looked_through,
    nested,
    read_at,
)
from worksafe.images.structure.marks import places_of

_MOVIE, _MOST_MOVIE_BYTES = b"moov", 64 * 1024**2  # an hour's tables have a hundredth
_LIKE_A_MOVIE = frozenset({_MOVIE, b"hoov", b"cmov"})  # some take them for one
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
_CUT_BYTES = 16  # that say how much of it is to be shown, after their kind
_MOST_CUT = 0.05  # of a side

_TRACKS, _TRACK, _VIDEO, _PROJECTION = 0x1654AE6B, 0xAE, 0xE0, 0x7670
_WIDTH, _HEIGHT = 0xB0, 0xBA
_CROPS = {_HEIGHT: (0x54AA, 0x54BB), _WIDTH: (0x54CC, 0x54DD)}
_SHOWN_WIDTH, _UNIT, _UNIT_UNKNOWN, _ROLL = 0x54B0, 0x54B2, 4, 0x7675
_NUMBERS = frozenset({_WIDTH, _HEIGHT, _SHOWN_WIDTH, _UNIT, *_CROPS[_WIDTH], *_CROPS[_HEIGHT]})
_NUMBER_BYTES = 8
_CLUSTER, _BLOCK_GROUP, _SIMPLE_BLOCK = 0x1F43B675, 0xA0, 0xA3
_ADDITIONS, _ADDITION, _ADDITION_ID, _ADDITIONAL = 0x75A1, 0xA6, 0xEE, 0xA5
_BLOCKS = frozenset({_CLUSTER, _BLOCK_GROUP, _SIMPLE_BLOCK})
_TO_ADDITIONS = frozenset({SEGMENT, _CLUSTER, _BLOCK_GROUP, _ADDITIONS, _ADDITION})
_TWICE: dict[int, tuple[int, ...]] = {  # what a block may have once, and what is counted anew in it
    _ADDITIONS: (),
    _ADDITION: (_ADDITION_ID, _ADDITIONAL),
    _ADDITION_ID: (),
    _ADDITIONAL: (),
}


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

    Demuxers keep one of them: the last, or that which says how transparent the block is.

    Parameters
    ----------
    file : binary file object
        Seekable; it is left where it stood.

    Raises
    ------
    UndecodableImageError
        If so.
    """
    with looked_through(file, "what it says") as end:
        beside, came_to, stop = Counter[int](), 0, end
        for one in elements(file, end, _TO_ADDITIONS):
            if one.kind in _BLOCKS:
                beside.clear()
            elif one.kind in _TWICE:
                beside[one.kind] += 1
                for inner in _TWICE[one.kind]:
                    beside[inner] = 0
                if beside[one.kind] > 1:
                    _refuse("has several things beside a block")
            is_entered = one.is_open or one.kind in _TO_ADDITIONS
            came_to = one.body if is_entered else one.body + one.size
            if one.kind == SEGMENT and not one.is_open:
                stop = min(end, one.body + one.size)
        if came_to < stop:
            _refuse("has something beside a block, and breaks off")


def _refuse(what: str) -> None:
    msg = f"the video {what}, which players do not agree on"
    raise UndecodableImageError(msg)


def _refuse_odd_mp4(file: BinaryIO, end: int) -> None:
    heads = [box for box in boxes(file, 0, end) if box.kind in _LIKE_A_MOVIE]
    if [box.kind for box in heads] != [_MOVIE] or heads[0].size > _MOST_MOVIE_BYTES:
        _refuse("has several heads, a huge one or none")
    movie = read_at(file, heads[0].at, heads[0].size)
    known = set[tuple[int, bytes]]()
    for parent, box in nested(io.BytesIO(movie), 0, len(movie)):
        if box.is_long:
            _refuse("says in 64 bits how long a part of its head is")
        if box.kind in _ONCE:
            table = parent.at, _ONCE[box.kind]
            if table in known:
                _refuse(f"has a table of {parent.kind.decode('ascii', 'replace')} twice")
            known.add(table)
        if _BELONGS.get(box.kind, parent.kind) != parent.kind:
            _refuse("has a list of edits where none belongs")
        if box.kind in _LOOKED_AT:
            _LOOKED_AT[box.kind](movie[box.at : box.end])


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
    for at in places_of(b"clap", entry[:-_CUT_BYTES]):
        width, height = struct.unpack_from(">2H", entry, _SIZE_AT)
        across, by, down, per = struct.unpack_from(">4I", entry, at + 4)
        if by and per:
            _refuse_cut(1 - Fraction(across, by) / max(1, width))
            _refuse_cut(1 - Fraction(down, per) / max(1, height))


def _refuse_cut(share: Fraction) -> None:
    if share > _MOST_CUT:
        _refuse("is to be cut to a part")


_LOOKED_AT: dict[bytes, Callable[[bytes], None]] = {
    b"mvhd": _refuse_turned,
    _EDIT_LIST: _refuse_odd_edits,
    b"stsd": _refuse_odd_samples,
}


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
