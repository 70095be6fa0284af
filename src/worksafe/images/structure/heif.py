"""AVIF and HEIC: where viewers differ in what they take from a file's boxes.

References
----------
.. [1] ISO/IEC 14496-12: boxes, groups of entities (``altr``).
.. [2] ISO/IEC 23008-12: items, ``pitm``, ``iref`` and ``thmb``, ``clap``; ``tmap`` (ISO 21496-1).
"""

import io
from collections.abc import Iterator

from worksafe.errors import UndecodableImageError
from worksafe.images.structure.containers import Box, boxes
from worksafe.images.structure.marks import places_of

_MAX_BOXES = 1000
_MEDIA, _TRACKS, _ITEMS = b"mdat", b"moov", b"meta"
_PRIMARY, _THUMBNAIL = b"pitm", b"thmb"
_CUT, _ALTERNATIVES, _GAIN_MAP = b"clap", b"altr", b"tmap"


def has_track(data: bytes) -> bool:
    """Tell whether a file has a film inside.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    bool
        True, too, where there are a thousand boxes: nobody writes so many.
    """
    kinds = [box.kind for box in _outermost(data)]
    return len(kinds) >= _MAX_BOXES or _TRACKS in kinds


def has_item(data: bytes) -> bool:
    """Tell whether a file has a picture, beside or without a film."""
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


def _outside_media(data: bytes) -> bytes:
    """Join all boxes but those of media: in them any four bytes come up by chance."""
    return b"".join(data[box.at : box.end] for box in _outermost(data) if box.kind != _MEDIA)


def _outermost(data: bytes) -> Iterator[Box]:
    """Go through the outermost boxes; where it is not known what comes, all that is left is one."""
    for number, box in enumerate(boxes(io.BytesIO(data), 0, len(data))):
        if number == _MAX_BOXES or not box.is_possible:
            yield box._replace(kind=b"", size=len(data) - box.at)
            return
        yield box
