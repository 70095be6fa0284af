"""AVIF and HEIC: where viewers differ in what they take from a file's boxes.

References
----------
.. [1] ISO/IEC 14496-12: boxes, groups of entities (``altr``).
.. [2] ISO/IEC 23008-12: items, ``pitm``, ``iref`` and ``thmb``, ``clap``; ``tmap`` (ISO 21496-1).
"""

import io
import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from worksafe.errors import UndecodableImageError
from worksafe.images.structure.containers import Box, boxes, nested
from worksafe.images.structure.marks import places_of

_MAX_BOXES = 1000
_FULL_HEAD_BYTES = 12  # with a version and flags
_MEDIA = frozenset({b"mdat", b"mpvd"})  # the latter is the film of a motion photo
_ITEMS = b"meta"
_TRACKS = frozenset({b"moov", b"hoov", b"cmov", b"mvhd", b"trak"})
_PRIMARY, _THUMBNAIL = b"pitm", b"thmb"
_CUT, _ALTERNATIVES, _GAIN_MAP, _MULTIPLIED = b"clap", b"altr", b"tmap", b"prem"
_REFERENCES, _ALPHA = b"iref", b"auxl"
_TRACK_HEAD, _MEDIUM = b"tkhd", b"mdia"
_NO_FILM = re.compile(rb"hdlr.{8}(?:auxv|soun|text|sbtl|subt|meta)", re.DOTALL)  # alpha, sound …


def has_track(data: bytes) -> bool:
    """Return whether a file has a film inside.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    bool
        True, too, where there are a thousand boxes: nobody writes so many.
    """
    walk = islice(nested(io.BytesIO(data), 0, len(data)), _MAX_BOXES)
    kinds = [box.kind for _, box in walk]
    return len(kinds) == _MAX_BOXES or not _TRACKS.isdisjoint(kinds)


def has_item(data: bytes) -> bool:
    """Return whether a file has a picture, beside or without a film."""
    return _ITEMS in [box.kind for box in _outermost(data)]


def refuse_odd_avif(data: bytes) -> None:
    """Refuse a picture that browsers show otherwise than decoders do.

    Parameters
    ----------
    data : bytes
        The whole file.

    Raises
    ------
    UndecodableImageError
        If it is to be cut to a part (browsers show the part, decoders all of it), has
        alternatives (browsers choose, decoders take the first), a gain map, or several films
        (an ``<img>`` shows one, a ``<video>`` another); if its colours are multiplied by its
        alpha (browsers add what is too bright), or it is said in two ways whose alpha one is.
    """
    said = _outside_media(data)
    if _CUT in said:
        raise UndecodableImageError("the avif is to be cut to a part, which decoders leave undone")
    if _ALTERNATIVES in said or _GAIN_MAP in said:
        raise UndecodableImageError("the avif holds alternatives, of which viewers choose")
    films = said.count(_TRACK_HEAD) - sum(
        parent.kind == _MEDIUM and bool(_NO_FILM.match(data, box.at + 4))
        for parent, box in nested(io.BytesIO(data), 0, len(data))
    )
    if films > 1:
        raise UndecodableImageError("the avif holds several films, of which viewers choose")
    references = list(_references(data))
    if any(one.kind == _MULTIPLIED for one in references):
        raise UndecodableImageError("the avif has colours that are multiplied by its alpha")
    belonging = [one for one in references if one.kind in {_ALPHA, _THUMBNAIL}]
    if len({one.source for one in belonging}) < len(belonging) or any(
        one.targets > 1 for one in belonging if one.kind == _ALPHA
    ):
        raise UndecodableImageError("the avif says in two ways whose alpha or thumbnail one is")


def refuse_odd_heic(data: bytes) -> None:
    """Refuse a file whose main picture is called the thumbnail of another.

    Parameters
    ----------
    data : bytes
        The whole file.

    Raises
    ------
    UndecodableImageError
        If so: viewers show it, the decoder leaves it out.
    """
    said = _outside_media(data)
    primaries = {_primary(said, at) for at in places_of(_PRIMARY, said)}
    thumbnails = {number for at in places_of(_THUMBNAIL, said) for number in _numbers(said, at + 4)}
    if primaries & thumbnails:
        raise UndecodableImageError("the heic calls its main picture a thumbnail")


class _Reference(NamedTuple):
    """That one item belongs to others."""

    kind: bytes
    source: int
    targets: int  # how many


def _references(data: bytes) -> Iterator[_Reference]:
    items = [box for box in _outermost(data) if box.kind == _ITEMS]
    lists = [box for one in items for box in _held(data, one) if box.kind == _REFERENCES]
    for one in lists:
        number_bytes = 2 if data[one.at + 8 : one.at + 9] in {b"", b"\x00"} else 4
        for box in _held(data, one):
            _refuse_long(box)
            count_at = box.at + 8 + number_bytes
            source, count = data[box.at + 8 : count_at], data[count_at : count_at + 2]
            yield _Reference(box.kind, int.from_bytes(source, "big"), int.from_bytes(count, "big"))


def _held(data: bytes, box: Box) -> list[Box]:
    """Go through the boxes in one that has a version; refuse more than anybody writes."""
    _refuse_long(box)
    file = io.BytesIO(data)
    held = list(islice(boxes(file, box.at + _FULL_HEAD_BYTES, box.end), _MAX_BOXES))
    if len(held) == _MAX_BOXES:
        raise UndecodableImageError("the avif holds more boxes in one than anybody writes")
    return held


def _refuse_long(box: Box) -> None:
    """Refuse a list whose size is in 64 bits: what it holds would be looked for elsewhere."""
    if box.is_long:
        raise UndecodableImageError("the avif says in 64 bits how long a list is")


def _primary(data: bytes, at: int) -> int:
    """Read the main picture's number, in two bytes or four by the version of what says it."""
    short, long = _numbers(data, at + 8)
    return long if data[at + 4 : at + 5].strip(b"\x00") else short


def _numbers(data: bytes, at: int) -> tuple[int, int]:
    """Read an item's number in both of its lengths: two bytes, or four."""
    return int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at : at + 4], "big")


def _outside_media(data: bytes) -> bytes:
    """Join all boxes but those of media: in them any four bytes come up by chance."""
    return b"".join(data[box.at : box.end] for box in _outermost(data) if box.kind not in _MEDIA)


def _outermost(data: bytes) -> Iterator[Box]:
    """Go through the outermost boxes; where it is not known what comes, all that is left is one."""
    for number, box in enumerate(boxes(io.BytesIO(data), 0, len(data))):
        if number == _MAX_BOXES or not box.is_possible:
            yield box._replace(kind=b"", size=len(data) - box.at)
            return
        yield box
