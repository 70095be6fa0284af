"""A TIFF's pages: what they cost, and whether the decoder takes the same picture as viewers do."""

import math
import struct
from collections.abc import Iterator

from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    COLORMAP,
    COMPRESSION,
    EXTRASAMPLES,
    FILLORDER,
    IMAGELENGTH,
    IMAGEWIDTH,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    ROWSPERSTRIP,
    SAMPLEFORMAT,
    SAMPLESPERPIXEL,
    STRIPOFFSETS,
    TILELENGTH,
    TILEOFFSETS,
    TILEWIDTH,
    YCBCRSUBSAMPLING,
    TiffImageFile,
)

from worksafe.errors import ImageFramesError, UndecodableImageError

MAX_PAGES = 2_000
MAX_ENTRIES = 512  # of one directory; cameras write some fifty
ENTRY_BYTES = 12

_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SPARE_BYTES = 1024**2

_BYTE, _WORD = 8, 32  # bits of a level
_PLAIN = 1  # compression: none
_WHITE_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 2, 3, 6
_PLANES = 2  # one after the other, instead of pixel by pixel
_REVERSED = 2  # bits of a byte, the last first
_UNSIGNED = 1
_UNSAID = 0  # what a further sample is
_DNG_VERSION, _RAW = 50706, frozenset({32803, 34892})  # one colour for each pixel, or linear
_FINE = 256  # a palette's levels have sixteen bits


def refuse_odd_tiff(data: bytes) -> None:
    """Follow the chain of pages; what a page's entries point at may be read for each anew.

    Parameters
    ----------
    data : bytes
        The whole file.

    Raises
    ------
    ImageFramesError
        If it has too many pages.
    UndecodableImageError
        If a page has too many entries or one twice, pages read the same bytes over and over, or
        it is a camera's raw file.
    """
    order = "<" if data[:2] == b"II" else ">"
    budget = 4 * len(data) + _SPARE_BYTES
    seen: set[int] = set()
    at = int(struct.unpack_from(f"{order}I", data.ljust(8, b"\x00"), 4)[0])
    while at and at not in seen and at + 2 <= len(data):
        seen.add(at)
        if len(seen) > MAX_PAGES:
            msg = f"the tiff has more than {MAX_PAGES} pages"
            raise ImageFramesError(msg)
        (count,) = struct.unpack_from(f"{order}H", data, at)
        if count > MAX_ENTRIES:
            msg = f"a page of the tiff has {count} entries; the limit is {MAX_ENTRIES}"
            raise UndecodableImageError(msg)
        entries = data[at + 2 : at + 2 + ENTRY_BYTES * count]
        _refuse_entries_twice(order, entries)
        _refuse_raw(order, entries)
        budget -= len(entries) + _pointed_at(order, entries, len(data))
        if budget < 0:
            raise UndecodableImageError("the pages of the tiff read the same bytes over and over")
        link = data[at + 2 + len(entries) : at + 6 + len(entries)]
        at = int(struct.unpack(f"{order}I", link.ljust(4, b"\x00"))[0])


def _refuse_raw(order: str, entries: bytes) -> None:
    """Refuse a camera's raw file: its page is a preview, and viewers develop what lies deeper."""
    for tag, _, _, value in whole_entries(order, entries):
        (short,) = struct.unpack_from(f"{order}H", value)
        if tag == _DNG_VERSION or (tag == PHOTOMETRIC_INTERPRETATION and short in _RAW):
            raise UndecodableImageError("the tiff is a camera's raw file, which is not developed")


def _refuse_entries_twice(order: str, entries: bytes) -> None:
    """Refuse a page that may be read in two ways: some decoders heed the first, some the last."""
    tags = [
        struct.unpack_from(f"{order}H", entries, place)[0]
        for place in range(0, len(entries) - 1, ENTRY_BYTES)
    ]
    if len({*tags}) < len(tags):
        raise UndecodableImageError("a page of the tiff has an entry twice")


def _pointed_at(order: str, entries: bytes, file_bytes: int) -> int:
    """Count the bytes that a directory's entries point at; a claim beyond the file is not read."""
    sizes = (
        _TYPE_BYTES.get(kind, 0) * count for _, kind, count, _ in whole_entries(order, entries)
    )
    return sum(size for size in sizes if size <= file_bytes)


def whole_entries(order: str, entries: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Go through a directory's entries that are not cut off.

    Parameters
    ----------
    order : str
        Of bytes: ``<`` or ``>``.
    entries : bytes
        All of them, without their count.

    Yields
    ------
    int, int, int, bytes
        Tag, type, count, and the value or where it begins.
    """
    whole = len(entries) // ENTRY_BYTES * ENTRY_BYTES
    return struct.iter_unpack(f"{order}HHI4s", entries[:whole])


def refuse_misread(page: TiffImageFile) -> None:
    """Refuse a page that Pillow 13 does not say it cannot read, and reads as another picture.

    Parameters
    ----------
    page : TiffImageFile
        Gone to that page.

    Raises
    ------
    UndecodableImageError
        If its levels of more than eight bits are stored with white as zero (Pillow shows the
        negative), in planes without compression (it takes half of each level for a level), as
        unsigned numbers of 32 bits (it takes the light half for less than black), or compressed,
        signed and the highest byte first (it takes the lowest for that); if its colours are stored
        for several pixels together without compression (it takes them for pixels); if it has more
        strips or tiles than fill it, or both (it draws the last over the others); if a palette has
        levels of eight bits (it takes them for black), or a fourth sample is not said to be
        anything (some take it for alpha).
    """
    bits = max(_numbers(page, BITSPERSAMPLE, 1))
    is_plain = _PLAIN in _numbers(page, COMPRESSION, _PLAIN)
    is_wide, is_planar = bits > _BYTE, _PLANES in _numbers(page, PLANAR_CONFIGURATION, 1)
    photometric = _numbers(page, PHOTOMETRIC_INTERPRETATION, _WHITE_IS_ZERO)
    formats = _numbers(page, SAMPLEFORMAT, _UNSIGNED)
    is_odd = {
        "white as zero in more than eight bits": is_wide and _WHITE_IS_ZERO in photometric,
        "planes that are read otherwise": is_plain and is_planar and (
            is_wide
            or _WHITE_IS_ZERO in photometric
            or _REVERSED in _numbers(page, FILLORDER, 1)
        ),
        "unsigned levels of 32 bits": bits == _WORD and _UNSIGNED in formats,
        "signed levels with the highest byte first": is_wide and not is_plain
        and page.tag_v2.prefix == b"MM" and {*formats} != {_UNSIGNED},
        "colours for several pixels together": is_plain and _YCBCR in photometric
        and {*_numbers(page, YCBCRSUBSAMPLING, 2)} != {1},
        "more pixels than fill it": _has_too_many_parts(page, is_planar=is_planar),
        "a palette of eight bits": _PALETTE in photometric
        and 0 < max(_numbers(page, COLORMAP, 0)) < _FINE,
        "a fourth sample that is nothing": _RGB in photometric
        and _UNSAID in _numbers(page, EXTRASAMPLES, 1),
    }  # fmt: skip
    for what, applies in is_odd.items():
        if applies:
            msg = f"the tiff has {what}, which decoders do not agree on"
            raise UndecodableImageError(msg)


def _has_too_many_parts(page: TiffImageFile, *, is_planar: bool) -> bool:
    """Return whether there are more strips or tiles than the picture has room for, or both."""
    tags = page.tag_v2
    if STRIPOFFSETS in tags and TILEOFFSETS in tags:
        return True
    (width, *_), (height, *_) = _numbers(page, IMAGEWIDTH, 1), _numbers(page, IMAGELENGTH, 1)
    if TILEOFFSETS in tags:
        offsets = TILEOFFSETS
        (across, *_) = _numbers(page, TILEWIDTH, width)
        (down, *_) = _numbers(page, TILELENGTH, height)
    else:
        offsets, across = STRIPOFFSETS, width
        (down, *_) = _numbers(page, ROWSPERSTRIP, height)
    layers = max(_numbers(page, SAMPLESPERPIXEL, 1)) if is_planar else 1
    room = layers * math.ceil(width / max(1, across)) * math.ceil(height / max(1, down))
    return len(_numbers(page, offsets, 0)) > room


def _numbers(page: TiffImageFile, tag: int, default: float) -> tuple[float, ...]:
    value = page.tag_v2.get(tag, default)
    return value if isinstance(value, tuple) else (value,)
