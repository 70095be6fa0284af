"""What a file's structure tells before any decoder opens it: its cost, and where decoders differ.

A small file can ask for hours of work: a TIFF whose pages share one huge directory, a JPEG that
repeats its scans, a GIF of a million frames. Each walk here takes bounded time itself, goes no
further than its budget, and leaves it to the decoder to say that a file is damaged.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import islice

from worksafe.errors import UndecodableImageError
from worksafe.images.bmp import has_runs, refuse_odd_bmp
from worksafe.images.boxes import has_track, refuse_odd_avif, refuse_odd_heic
from worksafe.images.formats import AVIF, BMP, GIF, HEIC, JPEG, PNG, TIFF, WEBP, ImageFormat
from worksafe.images.gain_map import refuse_odd_gain_map
from worksafe.images.gif import as_browsers_dispose, refuse_odd_gif
from worksafe.images.png import refuse_odd_png
from worksafe.images.tiff import refuse_odd_tiff

MAX_SCANS = 64  # of one JPEG; encoders write ten to twenty
MAX_JPEGS = 50  # in one file: thumbnails, the further pictures of a phone, chance
MAX_MARKERS = 500_000  # of JPEGs; in 25 MB of anything else there are 100,000 by chance

# In a JPEG's compressed data, FF is followed by 0, by a restart marker, or by another FF.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_SOI, _SOS, _EOI = 0xD8, 0xDA, 0xD9
_MANY_PICTURES, _MAX_SEGMENTS = b"MPF\x00", 4096

_JPEG_SPARE_BYTES = 1024**2

_WEBP_FLAGS_AT, _WEBP_MOVES = 20, 0x02


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


def is_dear(image_format: ImageFormat, data: bytes) -> bool:
    """Tell whether a picture of a cheap format may be dear: several in one, or a BMP of runs.

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
        return _claims_pictures(data)
    if image_format is BMP:
        return has_runs(data)
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
    if image_format not in {AVIF, HEIC} or not has_track(data):
        return [data]
    if image_format is HEIC:
        raise UndecodableImageError("the heic is a sequence, which cannot be looked through")
    return [data[:8] + brand + data[12:] for brand in (b"avis", b"avif")]


def _claims_pictures(data: bytes) -> bool:
    """Look for the list of pictures of an MPO before the first scan, as decoders do."""
    at = 2
    for _ in range(_MAX_SEGMENTS):
        found = _JPEG_MARKER.search(data, at)
        if found is None or data[found.end() - 1] == _SOS:
            return False
        at = found.end()
        if data.startswith(_MANY_PICTURES, at + 2):
            return True
        if data[at - 1] not in {_SOI, _EOI}:  # which have no length
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
    return True  # nobody writes so many


def _walk_jpegs(data: bytes) -> None:
    """Count the scans of every JPEG in the file: any may be one of the pictures of an MPO."""
    markers = [at.start() for at in islice(_JPEG_MARKER.finditer(data), MAX_MARKERS)]
    starts = [at for at in markers if data[at + 1] == _SOI and data[at + 2 : at + 3] == b"\xff"]
    if len(markers) == MAX_MARKERS or len(starts) > MAX_JPEGS:
        msg = f"the file holds more than {MAX_JPEGS} JPEGs"
        raise UndecodableImageError(msg)
    budget = 4 * len(data) + _JPEG_SPARE_BYTES
    heads: list[bytes] = []
    for at in starts:
        head_end, end = _walk_scans(data, markers, at + 2, budget)
        heads.append(data[at:head_end])
        budget -= end - at
    refuse_odd_gain_map(heads)


def _walk_scans(data: bytes, markers: Sequence[int], at: int, budget: int) -> tuple[int, int]:
    """Go through a JPEG, and tell where its pixels begin and where it ends."""
    scans, start, head_end = 0, at, len(data)
    while (place := bisect_left(markers, at)) < len(markers):
        at = markers[place] + 2
        if data[at - 1] == _EOI:
            break
        if at - start > budget:
            raise UndecodableImageError("the file holds JPEGs in JPEGs, over and over")
        if data[at - 1] == _SOS:
            scans += 1
            head_end = min(head_end, at)
            if scans > MAX_SCANS:
                msg = f"the jpeg has more than {MAX_SCANS} scans"
                raise UndecodableImageError(msg)
        at += max(2, int.from_bytes(data[at : at + 2], "big"))  # the segment's own length
    else:
        at = len(data)
    return min(head_end, at), at


_WALKS: dict[ImageFormat, Callable[[bytes], None]] = {
    AVIF: refuse_odd_avif,
    BMP: refuse_odd_bmp,
    HEIC: refuse_odd_heic,
    JPEG: _walk_jpegs,
    PNG: refuse_odd_png,
    TIFF: refuse_odd_tiff,
    GIF: refuse_odd_gif,
}
