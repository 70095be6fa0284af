"""A JPEG's segments and scans, and those of the JPEGs in it."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
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
_APP1, _EXIF, MAX_EXIF = 0xE1, b"Exif\x00", 8  # in one JPEG; Pillow joins them, copy by copy
_MOST_COMPONENTS, _LEVELS = 4, 64  # of a scan, and of a block

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
    """Go through the scans of every JPEG in the file, of an MPO any of which may be shown.

    One that lies in another's EXIF ends where that does: cut off, it seems to go on with the scans
    of the other.

    Parameters
    ----------
    data : bytes
        The whole file.

    Raises
    ------
    UndecodableImageError
        If there are too many JPEGs, scans or EXIF segments, a gain map that more than HDR screens
        apply, or a scan that paints over what an earlier one has drawn: what a browser shows while
        the file comes would not be what it shows in the end.
    """
    markers = [at.start() for at in islice(_JPEG_MARKER.finditer(data), MAX_MARKERS)]
    starts = [at for at in markers if data[at + 1] == _SOI and data[at + 2 : at + 3] == b"\xff"]
    if len(markers) == MAX_MARKERS or len(starts) > MAX_JPEGS:
        msg = f"the file holds more than {MAX_JPEGS} JPEGs"
        raise UndecodableImageError(msg)
    budget = 4 * len(data) + _JPEG_SPARE_BYTES
    heads: list[bytes] = []
    blocks: list[tuple[int, int]] = []  # of EXIF: where they begin and end
    for at in starts:
        stop = min((end for begin, end in blocks if begin < at < end), default=len(data))
        head_end, end = _walk_scans(data, markers, at + 2, stop, budget=budget, blocks=blocks)
        heads.append(data[at:head_end])
        budget -= end - at
    refuse_odd_gain_map(heads)


def _walk_scans(
    data: bytes,
    markers: Sequence[int],
    at: int,
    stop: int,
    *,
    budget: int,
    blocks: list[tuple[int, int]],
) -> tuple[int, int]:
    """Go through a JPEG, and tell where its pixels begin and where it ends; note its EXIF."""
    scans, start, head_end, exif, drawn = 0, at, stop, 0, _Drawn()
    while (place := bisect_left(markers, at)) < len(markers) and markers[place] < stop:
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
            drawn.add(data[at + 2 : at + 2 + 1 + 2 * _MOST_COMPONENTS + 3])
        end = at + max(2, int.from_bytes(data[at : at + 2], "big"))  # the segment's own length
        if data[at - 1] == _APP1 and data.startswith(_EXIF, at + 2):
            exif += 1
            blocks.append((at, end))
        if exif > MAX_EXIF:
            msg = f"the file has more than {MAX_EXIF} EXIF blocks"
            raise UndecodableImageError(msg)
        at = end
    else:
        at = stop
    return min(head_end, at), at


@dataclass(slots=True)
class _Drawn:
    """How finely the scans so far have drawn each level of each component.

    References
    ----------
    .. [1] ITU-T T.81, B.2.3 and G.1.1.1: a level is sent once, without so many of its lowest bits,
       and then refined by one bit at a time.
    """

    missing: dict[int, list[int | None]] = field(default_factory=dict)  # bits, by component

    def add(self, head: bytes) -> None:
        """Note a scan by its head; refuse one that draws again what is drawn."""
        count = head[0] if head else 0
        if len(head) < 1 + 2 * count + 3 or not 0 < count <= _MOST_COMPONENTS:
            return  # cut off, or none: the decoder says so
        first, last, bits = head[1 + 2 * count : 4 + 2 * count]
        before, after = bits >> 4, bits & 15
        for component in head[1 : 1 + 2 * count : 2]:
            missing = self.missing.setdefault(component, [None] * _LEVELS)
            for level in range(first, min(last, _LEVELS - 1) + 1):
                if missing[level] != (before or None) or (before and after != before - 1):
                    raise UndecodableImageError("a scan of the jpeg draws over an earlier one")
                missing[level] = after
