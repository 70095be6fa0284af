"""A turn that an H.264 or HEVC stream says itself, in each way to write it down."""

import io
from typing import Any

import av
import pytest
from av.bitstream import BitStreamFilterContext

from films import film, scene
from worksafe.errors import UndecodableImageError
from worksafe.images.structure.nal import StreamWatch

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
        StreamWatch(codec).look_at(about, packet)


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
    StreamWatch(codec).look_at(about, packet)


def h264(change: str = "null") -> bytes:
    """A film of H.264, changed by a filter of ffmpeg."""
    made, file = film(3, lambda _: scene(), transfer=6), io.BytesIO()
    with av.open(io.BytesIO(made), "r") as source, av.open(file, "w", "mp4") as output:
        stream = source.streams.video[0]
        copy: Any = output.add_stream_from_template(stream)
        changed = BitStreamFilterContext(change, stream, copy)
        for packet in [*source.demux(stream), None]:
            if packet is None or packet.size:
                for one in changed.filter(packet):
                    one.stream = copy
                    output.mux(one)
    return file.getvalue()


def watched(data: bytes, *more: bytes) -> None:
    """Watch a film, with further units in its last packet."""
    with av.open(io.BytesIO(data), "r") as source:
        stream = source.streams.video[0]
        watch = StreamWatch(stream.codec_context.name)
        packets = [bytes(packet) for packet in source.demux(stream) if packet.size]
        packets[-1] += b"".join(map(sized, more))
        for packet in packets:
            watch.look_at(stream.codec_context.extradata or b"", packet)


@pytest.mark.parametrize("side", ["left", "top"])
def test_a_film_that_is_cut_off_where_browsers_do_not_is_refused(side: str) -> None:
    with pytest.raises(UndecodableImageError, match="cut off"):
        watched(h264(f"h264_metadata=crop_{side}=16"))


@pytest.mark.parametrize("change", ["null", "h264_metadata=crop_right=16:crop_bottom=8"])
def test_one_that_is_cut_off_as_all_do_is_not(change: str) -> None:
    watched(h264(change))


def test_parameters_that_are_replaced_are_refused_and_repeated_ones_are_not() -> None:
    data = h264()
    with av.open(io.BytesIO(data), "r") as source:
        about = bytes(source.streams.video[0].codec_context.extradata or b"")
    size = int.from_bytes(about[6:8], "big")
    sequence, rest = about[8 : 8 + size], about[8 + size :]
    picture = rest[3 : 3 + int.from_bytes(rest[1:3], "big")]

    watched(data, sequence, picture)
    for other in (picture[:-1] + bytes([picture[-1] ^ 0x10]), sequence[:-1] + b"\xff"):
        with pytest.raises(UndecodableImageError, match="replaces"):
            watched(data, other)


def test_parameters_that_are_cut_off_end_nothing() -> None:
    watched(h264(), b"\x67", b"\x67\x64", b"\x67" + bytes(100_000), b"\x68")
