"""The boxes of AVIF, HEIC and MP4: what a file says it is, and where its viewers differ.

References
----------
.. [1] ISO/IEC 14496-12: boxes, ``ftyp``, groups of entities (``altr``).
.. [2] ISO/IEC 23008-12: items, ``pitm``, ``iref`` and ``thmb``, ``clap``; ``tmap`` (ISO 21496-1).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from worksafe.errors import UndecodableImageError

_MAX_BOXES, _HEAD_BYTES, _LONG_HEAD_BYTES = 1000, 8, 16
_FIRST_BRAND_AT = 16
MOST_BRAND_BYTES = 512  # of the box that says what a file is; encoders write 20 to 60
_MEDIA, _TRACKS = b"mdat", b"moov"
_PRIMARY, _THUMBNAIL = b"pitm", b"thmb"
_CUT, _ALTERNATIVES, _GAIN_MAP = b"clap", b"altr", b"tmap"


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


def has_track(data: bytes) -> bool:
    """Tell whether a file has a film inside.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    bool
        True, too, where there are more boxes than anybody writes.
    """
    kinds = [kind for kind, _, _ in _outermost(data)]
    return len(kinds) > _MAX_BOXES or _TRACKS in kinds


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
        alternatives (browsers choose, decoders take the first), or a gain map.
    """
    said = _outside_media(data)
    if _CUT in said:
        raise UndecodableImageError("the avif is to be cut to a part, which decoders leave undone")
    if _ALTERNATIVES in said or _GAIN_MAP in said:
        raise UndecodableImageError("the avif holds alternatives, of which viewers choose")


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
    primaries = {number for at in places_of(_PRIMARY, said) for number in _numbers(said, at + 8)}
    thumbnails = {number for at in places_of(_THUMBNAIL, said) for number in _numbers(said, at + 4)}
    if primaries & thumbnails:
        raise UndecodableImageError("the heic calls its main picture a thumbnail")


def _numbers(data: bytes, at: int) -> tuple[int, int]:
    """Read an item's number in both of its lengths: two bytes, or four."""
    return int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at : at + 4], "big")


def places_of(mark: bytes, data: bytes) -> Iterator[int]:
    """Find a mark wherever it stands: what is in a picture by chance is longer to come by.

    Parameters
    ----------
    mark, data : bytes
        What to look for, and in what.

    Yields
    ------
    int
        Where it begins.
    """
    at = data.find(mark)
    while at >= 0:
        yield at
        at = data.find(mark, at + 1)


def _outside_media(data: bytes) -> bytes:
    """Join all boxes but those of media: in them any four bytes come up by chance."""
    return b"".join(data[at:end] for kind, at, end in _outermost(data) if kind != _MEDIA)


def _outermost(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Go through the outermost boxes, kind and place; the last may hold all that is left."""
    at = 0
    for _ in range(_MAX_BOXES):
        if at >= len(data):
            return
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        least = _HEAD_BYTES
        if size == 1:
            size, least = int.from_bytes(data[at + 8 : at + 16], "big"), _LONG_HEAD_BYTES
        if size < least:  # it goes on to the end, or is none
            size = len(data) - at
            kind = kind if data[at : at + 4] == bytes(4) else b""
        yield kind, at, at + size
        at += size
    yield b"", at, len(data)
