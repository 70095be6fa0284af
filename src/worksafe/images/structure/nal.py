"""What an H.264 or HEVC stream says beside its pictures, and browsers do not go by.

References
----------
.. [1] ITU-T H.264 and H.265, annexes B and D: NAL units, SEI messages, display orientation.
.. [2] ISO/IEC 14496-15: NAL units with their length before them.
"""

import itertools
import re
from collections.abc import Iterable, Iterator

from worksafe.errors import UndecodableImageError
from worksafe.images.structure.h264 import read_picture_set_number, read_sequence_set

_DISPLAY_ORIENTATION = 47
_START = re.compile(rb"\x00\x00\x01")
_HEAD_BYTES = {"h264": 1, "hevc": 2}
_LENGTHS_AT = {"h264": 4, "hevc": 21}  # in what a container says of the stream, if by lengths
_BY_LENGTHS = 1  # its first byte then
_LISTS_AT = 23  # of units, for HEVC
_SETS_AT = 5  # of parameters, for H.264
_MORE = 255  # a type or size goes on
_TYPE, _SEI, _SEQUENCE_SET, _PICTURE_SET = 0x1F, 6, 7, 8  # of a unit of H.264


class StreamWatch:
    """Goes along with one stream, and refuses what browsers do not show as the decoder does.

    Parameters
    ----------
    codec : str
        As ffmpeg names it; of others than H.264 and HEVC nothing is known.
    """

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._about = b""
        self._size: tuple[int, int] | None = None
        self._sets: dict[tuple[int, int | None], bytes] = {}  # of H.264, by type and number

    def look_at(self, about: bytes, packet: bytes | memoryview) -> None:
        """Look at one frame's packet.

        Parameters
        ----------
        about : bytes
            What the container says of the stream; looked at where it is new.
        packet : bytes-like
            One frame's.

        Raises
        ------
        UndecodableImageError
            If it is turned by a message of display orientation; or, of H.264, if it is cut off on
            the left or at the top, or parameters are replaced by others: what they belong to would
            be shown by the new ones when it is played again.
        """
        if self._codec not in _HEAD_BYTES:
            return
        if about != self._about:
            self._about = about
            self._refuse_odd(_units_about(self._codec, about))
        self._refuse_odd(_units_in(self._codec, about, packet))

    def _refuse_odd(self, units: Iterable[bytes | memoryview]) -> None:
        head = _HEAD_BYTES[self._codec]
        for unit in units:
            if _is_sei(self._codec, unit) and _DISPLAY_ORIENTATION in _kinds(bytes(unit[head:])):
                raise UndecodableImageError("the video is turned by its stream, not by its file")
            if self._codec == "h264" and unit[:1] != b"":
                self._refuse_odd_set(unit[0] & _TYPE, unit)

    def _refuse_odd_set(self, kind: int, unit: bytes | memoryview) -> None:
        if kind == _SEQUENCE_SET:
            said = read_sequence_set(bytes(unit))
            if said is None:
                return
            if said.left or said.top:
                raise UndecodableImageError("the video is cut off on the left, or at the top")
            if said.macroblocks != self._size:  # it goes on as another: all is said anew
                self._size = said.macroblocks
                self._sets.clear()
            number: int | None = said.number
        elif kind == _PICTURE_SET:
            number = read_picture_set_number(bytes(unit))
        else:
            return
        content = bytes(unit).rstrip(b"\0")
        if self._sets.setdefault((kind, number), content) != content:
            raise UndecodableImageError("the video replaces what its pictures are decoded by")


def _units_about(codec: str, about: bytes) -> Iterable[bytes | memoryview]:
    if not _is_by_lengths(codec, about):
        return _START.split(about)[1:]
    return _kept_units(about) if codec == "hevc" else _kept_sets(about)


def _units_in(codec: str, about: bytes, packet: bytes | memoryview) -> Iterable[bytes | memoryview]:
    if not _is_by_lengths(codec, about):
        return _START.split(packet)[1:]
    return _by_lengths(packet, (about[_LENGTHS_AT[codec]] & 3) + 1)


def _is_by_lengths(codec: str, about: bytes) -> bool:
    return len(about) > _LENGTHS_AT[codec] and about[0] == _BY_LENGTHS


def _kept_units(about: bytes) -> Iterator[bytes | memoryview]:
    """Yield the units in what a container says of HEVC: some lists, of each how many and them."""
    at = _LISTS_AT
    for _ in range(about[at - 1] if len(about) >= at else 0):
        count, at = int.from_bytes(about[at + 1 : at + 3], "big"), at + 3
        for unit in itertools.islice(_by_lengths(about[at:], 2), count):
            yield unit
            at += 2 + len(unit)


def _kept_sets(about: bytes) -> Iterator[bytes | memoryview]:
    """Yield the units in what a container says of H.264: two lists, of each how many and them."""
    at = _SETS_AT
    for mask in (_TYPE, 0xFF):
        count, at = about[at] & mask if at < len(about) else 0, at + 1
        for unit in itertools.islice(_by_lengths(about[at:], 2), count):
            yield unit
            at += 2 + len(unit)


def _by_lengths(data: bytes | memoryview, width: int) -> Iterator[bytes | memoryview]:
    at = 0
    while at + width < len(data):
        size = int.from_bytes(data[at : at + width], "big")
        yield data[at + width : at + width + size]
        at += width + size


def _is_sei(codec: str, unit: bytes | memoryview) -> bool:
    if codec == "h264":
        return unit[:1] != b"" and unit[0] & _TYPE == _SEI
    return unit[:1] != b"" and unit[0] >> 1 & 0x3F in {39, 40}


def _kinds(content: bytes) -> Iterator[int]:
    """Go through the messages of an SEI."""
    content = content.replace(b"\x00\x00\x03", b"\x00\x00")
    at = 0
    while at + 2 < len(content):
        kind, at = _number(content, at)
        size, at = _number(content, at)
        yield kind
        at += size


def _number(content: bytes, at: int) -> tuple[int, int]:
    """Read a number of as many bytes as it needs, and tell where it ends."""
    start = at
    while content[at : at + 1] == bytes([_MORE]):
        at += 1
    return (at - start) * _MORE + (content[at] if at < len(content) else 0), at + 1
