"""A GIF's blocks: how many frames they are, and whether all draw them alike.

References
----------
.. [1] CompuServe, "Graphics Interchange Format, Version 89a", 1990.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from worksafe.errors import ImageFramesError, UndecodableImageError
from worksafe.images.limits import MAX_FRAMES

MAX_BLOCKS = 1_000_000

_HEAD_BYTES = 13
_TABLE, _EXTENSION, _IMAGE, _END = 0x80, 0x21, 0x2C, 0x3B
_CONTROL, _CLEAR_COLOUR, _DISPOSAL = b"\xf9\x04", 0x01, 2
_KEPT, _CLEARED, _PREVIOUS = 1, 2, 3  # what becomes of a frame
_ALL_GREYS = 256
_INTERLACED = 0x40


def refuse_odd_gif(data: bytes) -> None:
    """Count frames, and refuse an animation that the decoder shows otherwise than browsers do.

    Browsers leave transparent what no frame has drawn or what one has cleared; the decoder does so
    only if both that frame and the first have a transparent colour, and fills it with a colour
    otherwise. Browsers believe the last control block before a frame, and draw nothing beyond the
    screen; a disposal that is none they take for another than the decoder. What is beyond a table
    of colours is black to them; where the table begins as that of all greys does, the decoder takes
    it for that.

    Parameters
    ----------
    data : bytes
        The whole file.

    Raises
    ------
    ImageFramesError
        If it has too many frames or blocks.
    UndecodableImageError
        If it is such an animation, or has such a table, or none for a frame.
    """
    _refuse_some_greys(data, _HEAD_BYTES, data[10:11])
    screen = struct.unpack_from("<HH", data.ljust(_HEAD_BYTES, b"\x00"), 6)
    frames, flags, controls = 0, 0, 0
    is_odd = is_filled = begins_clear = False
    for at in _blocks(data):
        if data[at] == _EXTENSION:
            if _is_control(data, at):
                flags, controls = int.from_bytes(data[at + 3 : at + 4], "big"), controls + 1
            continue
        frames += 1
        if not (data[10] | int.from_bytes(data[at + 9 : at + 10], "big")) & _TABLE:
            raise UndecodableImageError("the gif has a frame without a table of colours")
        _refuse_some_greys(data, at + 10, data[at + 9 : at + 10])
        if frames > MAX_FRAMES:
            msg = f"the gif has more than {MAX_FRAMES} frames"
            raise ImageFramesError(msg)
        x, y, width, height = struct.unpack("<4H", data[at + 1 : at + 9].ljust(8, b"\x00"))
        frame = _Frame(x, y, width, height, flags)
        if frames == 1:
            screen = frame.enlarge(screen)
            begins_clear = frame.is_clear
            is_filled = not frame.covers(screen) and not frame.is_clear
        is_odd |= controls > 1 or frame.enlarge(screen) != screen or frame.disposal > _PREVIOUS
        is_odd |= is_filled and (frame.is_clear or not frame.covers(screen))
        clears = frame.disposal == _CLEARED or (frame.disposal == _PREVIOUS and frames == 1)
        is_filled = clears and not (frame.is_clear and begins_clear)
        flags = controls = 0
    if frames > 1 and is_odd:
        msg = "the gif leaves parts undrawn or draws beyond its screen: decoders do not agree on it"
        raise UndecodableImageError(msg)


@dataclass(frozen=True, slots=True)
class _Frame:
    """A frame's place on the screen, in pixels, and the flags of its control block."""

    x: int
    y: int
    width: int
    height: int
    flags: int

    @property
    def is_clear(self) -> bool:
        """Whether it has a transparent colour."""
        return bool(self.flags & _CLEAR_COLOUR)

    @property
    def disposal(self) -> int:
        """What becomes of it."""
        return self.flags >> _DISPOSAL & 7

    def covers(self, screen: tuple[int, int]) -> bool:
        return self.x == self.y == 0 and self.width >= screen[0] and self.height >= screen[1]

    def enlarge(self, screen: tuple[int, int]) -> tuple[int, int]:
        """Return how large a screen must be to hold it too."""
        return max(screen[0], self.x + self.width), max(screen[1], self.y + self.height)


def _is_control(data: bytes, at: int) -> bool:
    """Return whether a block is about the next frame; refuse one that only some take for such."""
    said = data[at + 1 : at + 3]
    if said[:1] == _CONTROL[:1] and said != _CONTROL:
        raise UndecodableImageError("the gif has a control block of an odd length")
    return said == _CONTROL


def as_browsers_dispose(data: bytes) -> bytes:
    """Write down what "no disposal" means, where the decoder goes on with the one before.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    bytes
        The same file but for the flags of such frames: they stay.
    """
    control = bytes([_EXTENSION]) + _CONTROL
    flags_at = [at + len(control) for at in _blocks(data) if data.startswith(control, at)]
    unsaid = [at for at in flags_at if at < len(data) and not data[at] >> _DISPOSAL & 7]
    if not unsaid:
        return data
    changed = bytearray(data)
    for at in unsaid:
        changed[at] |= _KEPT << _DISPOSAL
    return bytes(changed)


def is_interlaced(data: bytes) -> bool:
    """Return whether the first frame comes as every eighth row, then those between."""
    first = next((at for at in _blocks(data) if data[at] == _IMAGE), len(data))
    return bool(int.from_bytes(data[first + 9 : first + 10], "big") & _INTERLACED)


def _blocks(data: bytes) -> Iterator[int]:
    """Find extensions and frames as Pillow does, which passes over bytes that begin no block."""
    at = _HEAD_BYTES + _table_bytes(data[10:11])
    blocks = 0
    while at < len(data) and data[at] != _END:
        blocks += 1
        if blocks > MAX_BLOCKS:
            msg = f"the gif has more than {MAX_BLOCKS} blocks"
            raise ImageFramesError(msg)
        if data[at] not in {_EXTENSION, _IMAGE}:
            at += 1
            continue
        yield at
        is_frame = data[at] == _IMAGE
        at += 11 + _table_bytes(data[at + 9 : at + 10]) if is_frame else 2
        while at < len(data) and data[at]:
            blocks += 1
            at += 1 + data[at]
        at += 1


def _table_bytes(flags: bytes) -> int:
    """Return the size of the colour table that a GIF's flags announce."""
    if not flags or not flags[0] & _TABLE:
        return 0
    return int(3 * 2 ** ((flags[0] & 7) + 1))


def _refuse_some_greys(data: bytes, at: int, flags: bytes) -> None:
    """Refuse a colour table that begins as that of all greys does, and is shorter."""
    size = _table_bytes(flags)
    table, greys = data[at : at + size], bytes(range(min(256, size // 3)))
    if 0 < len(greys) < _ALL_GREYS and table[::3] == table[1::3] == table[2::3] == greys:
        raise UndecodableImageError("the gif has a table of some greys, not of all")
