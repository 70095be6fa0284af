"""What a file's structure tells before any decoder opens it: its cost, and where decoders differ.

A small file can ask for hours of work: a TIFF whose pages share one huge directory, a JPEG that
repeats its scans, a GIF of a million frames. Each walk here takes bounded time itself, goes no
further than its budget, and leaves it to the decoder to say that a file is damaged.
"""

import re
import struct
from collections.abc import Callable

from worksafe.errors import ImageFramesError, UndecodableImageError
from worksafe.images.formats import AVIF, BMP, GIF, HEIC, JPEG, PNG, TIFF, WEBP, ImageFormat
from worksafe.images.gif import as_browsers_dispose, refuse_odd_gif

MAX_PAGES = 2_000
MAX_ENTRIES = 512  # of one TIFF directory; cameras write some fifty
MAX_SCANS = 64  # of one JPEG; encoders write ten to twenty
MAX_JPEGS = 50  # in one file: thumbnails, the further pictures of a phone, chance
MAX_BMP_RUNS = 1_000_000
MAX_PNG_CHUNKS = 200_000  # an encoder's smallest hold 8 KiB of pixels

_JPEG_START = re.compile(rb"\xff\xd8\xff")
# In a JPEG's compressed data, FF is followed by 0, by a restart marker, or by another FF.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_SOS, _EOI = 0xDA, 0xD9

_TIFF_TYPE_BYTES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
}
_TIFF_ENTRY_BYTES = 12
_TIFF_SPARE_BYTES = 1024**2
_JPEG_SPARE_BYTES = 1024**2

_MAX_BOXES, _BOX_HEAD_BYTES = 1000, 8
_PNG_CHUNK_BYTES = 12  # besides what it holds: length, kind, checksum
_PNG_DEPTH_AT, _PNG_DEEP, _PNG_SHALLOW = 24, 16, frozenset({2, 4})  # bits of a level
_PNG_ONE_LEVEL = re.compile(rb"\x00\x00\x00[\x02\x06]tRNS")  # of grey, or of three colours
_WEBP_FLAGS_AT, _WEBP_MOVES = 20, 0x02
_BMP_NUMBERS_AT, _BMP_CODING_AT = (10, 18, 22), 30  # place of the pixels, width, height
_BMP_PIXELS_A_BYTE = {1: 1, 2: 2}  # by how runs are coded
_BMP_END, _BMP_DELTA, _BMP_LEAST_LITERAL = 1, 2, 3


def check_structure(image_format: ImageFormat, data: bytes) -> None:
    """Refuse a file whose structure asks for more work than any honest one, or is read in two ways.

    Parameters
    ----------
    image_format : ImageFormat
        By its bytes.
    data : bytes
        The whole file.

    Raises
    ------
    ImageFramesError
        If it has too many frames or pages.
    UndecodableImageError
        If it has too many scans or directory entries, or decoders do not agree on what it shows.
    """
    walk = _WALKS.get(image_format)
    if walk is not None:
        walk(data)


def has_several_pictures(image_format: ImageFormat, data: bytes) -> bool:
    """Tell whether a JPEG, PNG or WebP claims more than one picture.

    Parameters
    ----------
    image_format : ImageFormat
        By its bytes.
    data : bytes
        The whole file.

    Returns
    -------
    bool
        False for other formats, which are not told apart here.
    """
    if image_format is JPEG:
        return b"MPF\x00" in data
    if image_format is PNG:
        return b"acTL" in data  # wherever it stands: decoders differ in where they look
    is_extended = image_format is WEBP and data[12:16] == b"VP8X" and len(data) > _WEBP_FLAGS_AT
    return is_extended and bool(data[_WEBP_FLAGS_AT] & _WEBP_MOVES)


def readings(image_format: ImageFormat, data: bytes) -> list[bytes]:
    """Give a file as viewers read it: of an AVIF with a film inside, film and picture.

    Parameters
    ----------
    image_format : ImageFormat
        By its bytes.
    data : bytes
        The whole file.

    Returns
    -------
    list of bytes
        The file; or the file with the brand of a film, and with that of a picture, which another
        decoder may not find in it.

    Raises
    ------
    UndecodableImageError
        If a HEIC has a track, which its decoder does not look at.
    """
    if image_format is GIF:
        return [as_browsers_dispose(data)]
    if image_format not in {AVIF, HEIC} or not _has_track(data):
        return [data]
    if image_format is HEIC:
        raise UndecodableImageError("the heic is a sequence, which cannot be looked through")
    return [data[:8] + brand + data[12:] for brand in (b"avis", b"avif")]


def _has_track(data: bytes) -> bool:
    """Look for a box of tracks among the outermost boxes."""
    at = 0
    for _ in range(_MAX_BOXES):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind == b"moov":
            return True
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < _BOX_HEAD_BYTES:  # the last box, or none
            return False
        at += size
    return True  # nobody writes so many


def _walk_jpegs(data: bytes) -> None:
    """Count the scans of every JPEG in the file: any may be one of the pictures of an MPO."""
    budget = 4 * len(data) + _JPEG_SPARE_BYTES
    for number, found in enumerate(_JPEG_START.finditer(data), 1):
        if number > MAX_JPEGS:
            msg = f"the file holds more than {MAX_JPEGS} JPEGs"
            raise UndecodableImageError(msg)
        budget -= _count_scans(data, found.start() + 2, budget)


def _count_scans(data: bytes, at: int, budget: int) -> int:
    """Go to a JPEG's end, and tell how many bytes it has."""
    scans, start = 0, at
    while (found := _JPEG_MARKER.search(data, at)) is not None:
        marker, at = data[found.start() + 1], found.end()
        if marker == _EOI:
            break
        if at - start > budget:
            raise UndecodableImageError("the file holds JPEGs in JPEGs, over and over")
        if marker == _SOS:
            scans += 1
            if scans > MAX_SCANS:
                msg = f"the jpeg has more than {MAX_SCANS} scans"
                raise UndecodableImageError(msg)
        at += max(2, int.from_bytes(data[at : at + 2], "big"))  # the segment's own length
    else:
        at = len(data)
    return at - start


def _walk_tiff(data: bytes) -> None:
    """Follow the chain of pages; what a page's entries point at may be read for each anew."""
    order = "<" if data[:2] == b"II" else ">"
    budget = 4 * len(data) + _TIFF_SPARE_BYTES
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
        entries = data[at + 2 : at + 2 + _TIFF_ENTRY_BYTES * count]
        _refuse_tags_said_twice(order, entries)
        budget -= len(entries) + _tiff_values(order, entries, len(data))
        if budget < 0:
            raise UndecodableImageError("the pages of the tiff read the same bytes over and over")
        link = data[at + 2 + len(entries) : at + 6 + len(entries)]
        at = int(struct.unpack(f"{order}I", link.ljust(4, b"\x00"))[0])


def _refuse_tags_said_twice(order: str, entries: bytes) -> None:
    """Refuse a page that may be read in two ways: some decoders heed the first, some the last."""
    tags = [
        struct.unpack_from(f"{order}H", entries, place)[0]
        for place in range(0, len(entries) - 1, _TIFF_ENTRY_BYTES)
    ]
    if len({*tags}) < len(tags):
        raise UndecodableImageError("a page of the tiff has an entry twice")


def _tiff_values(order: str, entries: bytes, file_bytes: int) -> int:
    """Count the bytes that a directory's entries point at; a claim beyond the file is not read."""
    whole = len(entries) // _TIFF_ENTRY_BYTES * _TIFF_ENTRY_BYTES
    sizes = (
        _TIFF_TYPE_BYTES.get(kind, 0) * count
        for _, kind, count, _ in struct.iter_unpack(f"{order}HHII", entries[:whole])
    )
    return sum(size for size in sizes if size <= file_bytes)


def _walk_png(data: bytes) -> None:
    """Refuse what the decoder shows otherwise than browsers do.

    One transparent level of few bits, or of sixteen: it is compared with scaled levels. An
    animation that is not what it announces.
    """
    depth, colour = data[_PNG_DEPTH_AT : _PNG_DEPTH_AT + 2].ljust(2, b"\x00")
    if _PNG_ONE_LEVEL.search(data) and (
        depth == _PNG_DEEP or (colour == 0 and depth in _PNG_SHALLOW)
    ):
        msg = f"the png has a transparent level of {depth} bits, which decoders do not agree on"
        raise UndecodableImageError(msg)
    if b"acTL" in data:
        _walk_animated_png(data)


def _walk_animated_png(data: bytes) -> None:
    announced: list[bytes] = []
    frames, at, has_begun = 0, 8, False
    for _ in range(MAX_PNG_CHUNKS):
        kind = data[at + 4 : at + 8]
        if kind == b"acTL":
            announced.append(b"" if has_begun else data[at + 8 : at + 12])
        elif kind == b"fcTL":
            frames += 1
        elif kind == b"IDAT":
            has_begun = True
        elif kind in {b"IEND", b""}:
            break
        at += _PNG_CHUNK_BYTES + int.from_bytes(data[at : at + 4], "big")
    else:
        msg = f"the png has more than {MAX_PNG_CHUNKS} chunks"
        raise ImageFramesError(msg)
    if announced and announced != [frames.to_bytes(4, "big")]:
        raise UndecodableImageError("the png is an animation of other frames than it announces")


def _walk_bmp(data: bytes) -> None:
    """Refuse runs that leave pixels undrawn: browsers show the page through them."""
    coding = int.from_bytes(data[_BMP_CODING_AT : _BMP_CODING_AT + 4], "little")
    if coding not in _BMP_PIXELS_A_BYTE:
        return
    at, width, rows = (int.from_bytes(data[p : p + 4], "little") for p in _BMP_NUMBERS_AT)
    x = row = 0
    for _ in range(MAX_BMP_RUNS):
        count, value = data[at : at + 2].ljust(2, b"\x00")
        at += 2
        if count:
            x += count
        elif value >= _BMP_LEAST_LITERAL:
            x += value
            at += -(-value // _BMP_PIXELS_A_BYTE[coding]) + 1 & ~1
        elif value == _BMP_DELTA or 0 < x < width or (value == _BMP_END and row + (x > 0) < rows):
            raise UndecodableImageError("the bmp leaves pixels undrawn")
        elif value == _BMP_END:
            return
        else:
            x, row = 0, row + 1
    msg = f"the bmp has more than {MAX_BMP_RUNS} runs"
    raise UndecodableImageError(msg)


_WALKS: dict[ImageFormat, Callable[[bytes], None]] = {
    BMP: _walk_bmp,
    JPEG: _walk_jpegs,
    PNG: _walk_png,
    TIFF: _walk_tiff,
    GIF: refuse_odd_gif,
}
