"""A turn that an H.264 or HEVC stream says itself, in each way to write it down."""

import pytest

from worksafe.errors import UndecodableImageError
from worksafe.images.structure.nal import refuse_turned_stream

TURNS = b"\x2f\x03\x40\x00\x10\x80"  # a message of three bytes
FIRST = b"\x05\x04none"  # another before it
LONG = b"\xff\x05\xff\x00" + bytes(range(1, 256))  # of a type and a size above 254
OF_H264 = b"\x01\x64\x00\x1f\xff\xe0\x00"  # lengths of four bytes
OF_HEVC = b"\x01" + bytes(20) + b"\x03\x00"  # the same; no lists


def sized(unit: bytes, width: int = 4) -> bytes:
    return len(unit).to_bytes(width, "big") + unit


@pytest.mark.parametrize(
    ("codec", "about", "packet"),
    [
        ("h264", OF_H264, sized(b"\x09\xf0") + sized(b"\x06" + TURNS)),
        ("h264", OF_H264, sized(b"\x06" + FIRST + TURNS)),
        ("h264", OF_H264, sized(b"\x06" + LONG + TURNS)),
        ("h264", OF_H264, sized(b"\x66\x2f\x04\x00\x00\x03\x01\x02\x80")),
        ("h264", b"", b"\x00\x00\x00\x01\x06" + TURNS + b"\x00\x00\x01\x65abc"),
        ("h264", b"\x00\x00\x01\x06" + TURNS, b"\x00\x00\x01\x65abc"),
        ("hevc", OF_HEVC, sized(b"\x4e\x01" + TURNS)),
        ("hevc", OF_HEVC, sized(b"\x50\x01" + FIRST + TURNS)),
        (
            "hevc",
            OF_HEVC[:-1]
            + b"\x02\x20\x00\x01"
            + sized(b"\x40\x01abc", 2)
            + b"\x27\x00\x01"
            + sized(b"\x4e\x01" + TURNS, 2),
            sized(b"\x26\x01abc"),
        ),
    ],
)
def test_a_message_of_display_orientation_is_refused(
    codec: str, about: bytes, packet: bytes
) -> None:
    with pytest.raises(UndecodableImageError, match="by its stream"):
        refuse_turned_stream(codec, about, packet)


@pytest.mark.parametrize(
    ("codec", "about", "packet"),
    [
        ("h264", OF_H264, sized(b"\x06" + FIRST)),
        ("h264", OF_H264, sized(b"\x65" + TURNS)),  # pixels
        ("h264", OF_H264, b"\xff\xff\xff\xff\x06" + b"\x05\x40" + TURNS),  # inside another message
        ("h264", b"\x01", b""),
        ("hevc", OF_HEVC, sized(b"")),
        ("hevc", OF_HEVC[:-1] + b"\xff", sized(b"\x26\x01abc")),
        ("vp9", b"", b"\x00\x00\x01\x06" + TURNS),
    ],
)
def test_anything_else_is_not(codec: str, about: bytes, packet: bytes) -> None:
    refuse_turned_stream(codec, about, packet)
