"""A JPEG's segments and scans, and those of the JPEGs in it."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import islice

from worksafe.errors import UndecodableImageError
from worksafe.images.structure.gain_map import refuse_odd_gain_map

MAX_SCANS = 64  # of one JPEG; encoders write ten to twenty
MAX_JPEGS = 50  # in one file: thumbnails, the further pictures of a phone, chance
MAX_MARKERS = 500_000  # of JPEGs; in 25 MB of anything else there are 100,000 by chance

# In a JPEG's compressed data, FF is followed by 0, by a restart marker, or by another FF.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_SOI, _SOS, _EOI = 0xD8, 0xDA, 0xD9
_MANY_PICTURES, _MAX_SEGMENTS = b"MPF\x00", 4096

_JPEG_SPARE_BYTES = 1024**2


def claims_pictures(data: bytes) -> bool:
    """Look for the list of pictures of an MPO before the first scan, as decoders do.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    bool
        True, too, where there are more segments than anybody writes.
    """
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
    return True


def refuse_odd_jpeg(data: bytes) -> None:
    """Count the scans of every JPEG in the file: any may be one of the pictures of an MPO.

    Parameters
    ----------
    data : bytes
        The whole file.

    Raises
    ------
    UndecodableImageError
        If there are too many JPEGs or scans, or a gain map that more than HDR screens apply.
    """
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
