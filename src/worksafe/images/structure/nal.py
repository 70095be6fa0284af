"""What an H.264 or HEVC stream says beside its pictures: a turn that browsers do not go by.

References
----------
.. [1] ITU-T H.264 and H.265, annexes B and D: NAL units, SEI messages, display orientation.
.. [2] ISO/IEC 14496-15: NAL units with their length before them.
"""

import itertools
import re
from collections.abc import Iterator

from worksafe.errors import UndecodableImageError

_DISPLAY_ORIENTATION = 47
_START = re.compile(rb"\x00\x00\x01")
_HEAD_BYTES = {"h264": 1, "hevc": 2}
_LENGTHS_AT = {"h264": 4, "hevc": 21}  # in what a container says of the stream, if by lengths
_BY_LENGTHS = 1  # its first byte then
_LISTS_AT = 23  # of units, for HEVC
_MORE = 255  # a type or size goes on


def refuse_turned_stream(codec: str, about: bytes, packet: bytes | memoryview) -> None:
    """Refuse a film that is turned by the stream itself: the decoder would, browsers do not.

    Parameters
    ----------
    codec : str
        As ffmpeg names it; of others than H.264 and HEVC nothing is known.
    about : bytes
        What the container says of the stream.
    packet : bytes-like
        One frame's.

    Raises
    ------
    UndecodableImageError
        If it has a message of display orientation.
    """
    if codec not in _HEAD_BYTES:
        return
    head = _HEAD_BYTES[codec]
    for unit in _units(codec, about, packet):
        if _is_sei(codec, unit) and _DISPLAY_ORIENTATION in _kinds(bytes(unit[head:])):
            raise UndecodableImageError("the video is turned by its stream, not by its file")


def _units(codec: str, about: bytes, packet: bytes | memoryview) -> Iterator[bytes | memoryview]:
    lengths_at = _LENGTHS_AT[codec]
    if len(about) <= lengths_at or about[0] != _BY_LENGTHS:
        for part in (about, packet):
            yield from _START.split(part)[1:]
        return
    if codec == "hevc":
        yield from _kept_units(about)
    yield from _by_lengths(packet, (about[lengths_at] & 3) + 1)


def _kept_units(about: bytes) -> Iterator[bytes | memoryview]:
    """Give the units in what a container says of HEVC: some lists, of each how many and them."""
    at = _LISTS_AT
    for _ in range(about[at - 1] if len(about) >= at else 0):
        count, at = int.from_bytes(about[at + 1 : at + 3], "big"), at + 3
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
        return unit[:1] != b"" and unit[0] & 0x1F == 6  # noqa: PLR2004 - as in [1]_
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
