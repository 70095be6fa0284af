"""A PNG's chunks: whether the decoder takes the same picture from them as browsers do.

References
----------
.. [1] W3C, "Portable Network Graphics (PNG) Specification (Third Edition)", 2025.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from worksafe.errors import ImageFramesError, UndecodableImageError

MAX_CHUNKS = 200_000  # an encoder's smallest hold 8 KiB of pixels

_CHUNK_BYTES = 12  # besides what it holds: length, kind, checksum
_DEPTH_AT, _DEEP, _SHALLOW = 24, 16, frozenset({2, 4})  # bits of a level
_ONE_LEVEL = re.compile(rb"\x00\x00\x00[\x02\x06]tRNS")  # of grey, or of three colours
_ONCE = frozenset({b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP"})
_INTENTS = tuple(map(bytes, ([0], [1], [2], [3])))  # all that sRGB may say
_NAME = re.compile(rb"[^\x00]{1,79}\x00")  # of a profile
_HEAD_BYTES = 80  # of what a chunk holds
_EXIF = b"eXIf"
_BEFORE_CHRM = (b"sRGB", b"iCCP", b"cICP")  # what counts in its place
_LEAST_AREA = 0.05  # between three primaries; of sRGB 0.112, of a narrow screen 0.09
_LARGEST_AREA = 0.35  # of ProPhoto 0.29, of XYZ 0.5


@dataclass(slots=True)
class _Seen:
    """What the chunks said so far."""

    kinds: set[bytes] = field(default_factory=set)
    has_begun: bool = False
    frames: int = 0
    announced: list[bytes] = field(default_factory=list)
    primaries: bytes = b""

    def look_at(self, kind: bytes, content: bytes) -> None:
        """Note a chunk; refuse one of colours or EXIF that comes again, late or wrongly."""
        if kind == b"acTL":
            self.announced.append(b"" if self.has_begun else content[:4])
        elif kind == b"fcTL":
            self.frames += 1
        elif kind == b"IDAT":
            self.has_begun = True
        elif kind in _ONCE or kind == _EXIF:
            is_none = kind == b"sRGB" and content not in _INTENTS
            is_none |= kind == b"iCCP" and not _NAME.match(content)
            is_late = self.has_begun and kind != _EXIF  # which may come after the pixels
            if kind in self.kinds or is_late or is_none:
                msg = f"the png says {kind.decode()} twice, too late or wrongly"
                raise UndecodableImageError(msg)
            self.kinds.add(kind)
            if kind == b"cHRM":
                self.primaries = content


def refuse_odd_png(data: bytes) -> None:
    """Refuse a file that the decoder shows otherwise than browsers do.

    Parameters
    ----------
    data : bytes
        The whole file.

    Raises
    ------
    ImageFramesError
        If it has too many chunks.
    UndecodableImageError
        If one level of few bits, or of sixteen, is transparent (it is compared with scaled
        levels); if colours or EXIF are said twice, colours after the pixels begin, or in a way
        that is none (readers heed the first or the last); if primaries lie so near to a line that
        what cannot be seen becomes a picture; or if an animation is not what it announces.
    """
    depth, colour = data[_DEPTH_AT : _DEPTH_AT + 2].ljust(2, b"\x00")
    if _ONE_LEVEL.search(data) and (depth == _DEEP or (colour == 0 and depth in _SHALLOW)):
        msg = f"the png has a transparent level of {depth} bits, which decoders do not agree on"
        raise UndecodableImageError(msg)
    seen = _Seen()
    for kind, content in _chunks(data):
        seen.look_at(kind, content)
    if seen.announced and seen.announced != [seen.frames.to_bytes(4, "big")]:
        raise UndecodableImageError("the png is an animation of other frames than it announces")
    if (
        seen.primaries
        and not seen.kinds & {*_BEFORE_CHRM}
        and not _LEAST_AREA <= _area(seen.primaries) <= _LARGEST_AREA
    ):
        raise UndecodableImageError("the png has primaries that no screen has")


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give kinds and the first bytes of what they hold, up to the end."""
    at = 8
    for _ in range(MAX_CHUNKS):
        kind = data[at + 4 : at + 8]
        if kind in {b"IEND", b""}:
            return
        length = int.from_bytes(data[at : at + 4], "big")
        yield kind, data[at + 8 : at + 8 + min(length, _HEAD_BYTES)]
        at += _CHUNK_BYTES + length
    msg = f"the png has more than {MAX_CHUNKS} chunks"
    raise ImageFramesError(msg)


def _area(chromaticities: bytes) -> float:
    """Compute the area between red, green and blue in the plane of chromaticities."""
    _, _, *corners = (
        part / 100_000 for part in struct.unpack(">8I", chromaticities[:32].ljust(32, b"\x00"))
    )
    red_x, red_y, green_x, green_y, blue_x, blue_y = corners
    double: float = (green_x - red_x) * (blue_y - red_y) - (blue_x - red_x) * (green_y - red_y)
    return abs(double) / 2
