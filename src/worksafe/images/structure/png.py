"""A PNG's chunks: whether the decoder takes the same picture from them as browsers do.

References
----------
.. [1] W3C, "Portable Network Graphics (PNG) Specification (Third Edition)", 2025.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from worksafe.errors import ImageFramesError, UndecodableImageError

MAX_CHUNKS = 200_000  # an encoder's smallest hold 8 KiB of pixels

_CHUNK_BYTES = 12  # besides what it holds: length, kind, checksum
_HEAD_AT, _HEAD = 16, struct.Struct(">2I5B")  # width, height, depth, colour, …, interlaced
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the kind of colour
_PIXELS = {b"IDAT": 0, b"fdAT": 4}  # and how many bytes come before them
_PASSES = (  # of an interlaced one: first column and row, and the steps from each to the next
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip
_PIECE_BYTES = 1024**2
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
            is_late |= kind == b"PLTE" and b"tRNS" in self.kinds  # of whose colours it speaks
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


def refuse_short_frames(data: bytes) -> None:
    """Refuse an animation of which a frame has fewer pixels than its size asks for.

    Browsers leave the rest transparent or fill it from what has come, the decoder leaves the frame
    before in its place. It takes as long as all frames are large: ask once that is known.

    Parameters
    ----------
    data : bytes
        The whole file.

    Raises
    ------
    UndecodableImageError
        If so, or if its pixels cannot be unpacked.
    """
    head = data[_HEAD_AT : _HEAD_AT + _HEAD.size]
    if len(head) < _HEAD.size:
        return  # cut off: the decoder says so
    width, height, depth, colour, _, _, interlaced = _HEAD.unpack(head)
    bits = depth * _CHANNELS.get(colour, 1)
    missing, inflate = 0, zlib.decompressobj()
    for kind, at, length in _places(data):
        if kind == b"fcTL":
            _refuse_missing(missing)
            width, height = struct.unpack(">2I", data[at + 4 : at + 12].ljust(8, b"\x00"))
            missing, inflate = _frame_bytes(width, height, bits, interlaced), zlib.decompressobj()
        elif kind in _PIXELS and missing > 0:
            packed = data[at + _PIXELS[kind] : at + length]
            try:
                while missing > 0 and (some := inflate.decompress(packed, _PIECE_BYTES)):
                    missing -= len(some)
                    packed = inflate.unconsumed_tail
            except zlib.error as error:
                raise UndecodableImageError("the png data is damaged or cut off") from error
    _refuse_missing(missing)


def _refuse_missing(missing: int) -> None:
    if missing > 0:
        raise UndecodableImageError("a frame of the png has fewer pixels than its size asks for")


def _frame_bytes(width: int, height: int, bits: int, interlaced: int) -> int:
    """Return how many bytes a frame's rows have, each with one for its filter."""
    total = 0
    for x, y, across, down in _PASSES if interlaced else [(0, 0, 1, 1)]:
        columns, rows = -(-(width - x) // across), -(-(height - y) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kinds and the first bytes of what they hold, up to the end."""
    for kind, at, length in _places(data):
        yield kind, data[at : at + min(length, _HEAD_BYTES)]


def _places(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kinds, where what they hold begins and how long it is, up to the end."""
    at = 8
    for _ in range(MAX_CHUNKS):
        kind = data[at + 4 : at + 8]
        if kind in {b"IEND", b""}:
            return
        length = int.from_bytes(data[at : at + 4], "big")
        yield kind, at + 8, length
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
