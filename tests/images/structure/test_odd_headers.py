"""PNG, BMP, JPEG and GIF from which decoders and browsers take different pictures."""

import io
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from colour_profiles import SRGB as SRGB_PROFILE
from pictures import encode, photo
from worksafe.doctor.making import jpeg_segment, png_chunk
from worksafe.errors import UndecodableImageError
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits

SRGB = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)  # white, red, green, blue
NEARLY_A_LINE = (31270, 32900, 64000, 33000, 30000, 60000, 46000, 46500)


def decode(data: bytes) -> list[NDArray[np.uint8]]:
    return [view.pixels for view in decode_image(data, ImageLimits(), 2000).views]


def png(*first: bytes, late: bytes = b"", image: Image.Image | None = None) -> bytes:
    """A PNG with chunks after its header, and with one after its pixels."""
    plain = encode(image or photo().resize((64, 64)), "PNG")
    head, end = 8 + 25, plain.index(b"IEND") - 4
    return plain[:head] + b"".join(first) + plain[head:end] + late + plain[end:]


def primaries(values: tuple[int, ...]) -> bytes:
    return png_chunk(b"cHRM", struct.pack(">8I", *values))


GAMMA = png_chunk(b"gAMA", struct.pack(">I", 45455))
GREY_LEVEL = png_chunk(b"tRNS", struct.pack(">3H", 1, 2, 3))


@pytest.mark.parametrize(
    "data",
    [
        png(GAMMA, GAMMA),
        png(late=GAMMA),
        png(GAMMA, late=png_chunk(b"sRGB", b"\x00")),
        png(GAMMA, png_chunk(b"sRGB", b"\x09")),
        png(late=png_chunk(b"iCCP", b"x\x00\x00" + zlib.compress(b"none"))),
        png(GREY_LEVEL, late=GREY_LEVEL),
        png(late=GREY_LEVEL),
        png(GAMMA, primaries(NEARLY_A_LINE)),
        png(GAMMA, primaries((0,) * 8)),
        png(GAMMA, primaries((33333, 33333, 100000, 0, 0, 100000, 0, 0))),  # XYZ
    ],
)
def test_a_png_that_says_its_colours_in_two_ways_is_refused(data: bytes) -> None:
    with pytest.raises(UndecodableImageError, match="the png"):
        decode(data)


@pytest.mark.parametrize(
    "data",
    [
        png(GAMMA, primaries(SRGB)),
        png(GAMMA, primaries(SRGB), png_chunk(b"sRGB", b"\x00")),
        png(primaries(NEARLY_A_LINE), png_chunk(b"sRGB", b"\x00")),  # which counts instead
        png(GREY_LEVEL),
        png(late=png_chunk(b"tEXt", b"a\x00b") * 2),
    ],
)
def test_a_png_that_says_them_once_is_read(data: bytes) -> None:
    assert decode(data)


def test_a_png_with_a_pixel_beyond_its_palette_is_refused() -> None:
    indexes = Image.fromarray(np.tile(np.arange(4, dtype=np.uint8), (8, 2)), "P")
    indexes.putpalette([0, 0, 0, 255, 255, 255, 9, 9, 9, 99, 99, 99])
    whole = encode(indexes, "PNG", bits=8)
    at = whole.index(b"PLTE") - 4
    short = whole[:at] + png_chunk(b"PLTE", bytes([0, 0, 0, 255, 255, 255])) + whole[at + 12 + 12 :]

    assert decode(whole)
    with pytest.raises(UndecodableImageError, match="not in its palette"):
        decode(short)


def bmp(
    bits: int, pixels: bytes, *, table: bytes = b"", header: int = 40, coding: int = 0,
    colours: int = 0, alpha: int = 0,
) -> bytes:  # fmt: skip
    info = struct.pack("<IiiHHIIiiII", header, 8, 8, 1, bits, coding, 0, 0, 0, colours, 0)
    masks = struct.pack("<4I", 0x7C00, 0x3E0, 0x1F, alpha) if header > 40 else b""
    start = 14 + header + len(table)
    head = b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start)
    return head + (info + masks).ljust(header, b"\x00") + table + pixels


def greys(count: int) -> bytes:
    return b"".join(bytes([level, level, level, 0]) for level in range(count))


@pytest.mark.parametrize(
    "data",
    [
        bmp(8, bytes(64), table=greys(200), colours=200),
        bmp(8, bytes(64), table=b"\x00\x00\x00\x00\xff\xff\xff\x00", colours=2),
        bmp(4, bytes(32), table=b"\x00\x00\x00\x00\xff\xff\xff\x00", colours=2),
        bmp(16, bytes(128), header=56, coding=3, alpha=0x8000),
        bmp(32, bytes([0, 0, 0, 255, 0, 0, 0, 9]) * 32, header=108, alpha=0xFF000000),
    ],
)
def test_a_bmp_whose_header_is_read_in_two_ways_is_refused(data: bytes) -> None:
    with pytest.raises(UndecodableImageError, match="the bmp has"):
        decode(data)


@pytest.mark.parametrize(
    "data",
    [
        encode(photo().convert("L"), "BMP"),
        encode(photo().convert("1"), "BMP"),
        encode(photo().quantize(100), "BMP"),
        encode(photo().convert("RGBA"), "BMP"),
        bmp(8, bytes(64), table=greys(256), colours=256),
        bmp(8, bytes(64), table=b"\x00\x00\xff\x00\xff\x00\x00\x00", colours=2),
        bmp(8, bytes(64), table=greys(256)[::-1][:400], colours=100),
        *(
            encode(photo().convert("L").quantize(colours), "BMP")
            for colours in (2, 3, 16, 100, 256)
        ),
        bmp(32, bytes([9, 9, 9, 0]) * 64, header=108, alpha=0xFF000000),
        bmp(32, bytes([9, 9, 9, 255]) * 64, header=124, alpha=0xFF000000) + b"a profile",
        bmp(32, bytes([9, 9, 9, 0, 9, 9, 9, 7]) * 32),
    ],
)
def test_other_bmps_are_read(data: bytes) -> None:
    assert decode(data)


def runs(*commands: bytes, pad: int = 0) -> bytes:
    """A BMP of 8 x 2 px in runs."""
    data = bytearray(bmp(8, b"".join(commands), table=greys(256)[::-1] + bytes(pad), coding=1))
    data[22:26] = struct.pack("<i", 2)
    return bytes(data)


LINE, END = b"\x00\x00", b"\x00\x01"
ROW = b"\x08\x07"


@pytest.mark.parametrize(
    "data",
    [
        runs(ROW, LINE, ROW, END, pad=1),
        runs(b"\x00\x09" + bytes(10), LINE, ROW, END),
        runs(LINE, ROW, LINE, ROW, END),
        runs(ROW, LINE, ROW, LINE, ROW, END),
        runs(ROW, LINE, END),
        runs(ROW, LINE, b"\x04\x07", END),
        runs(ROW, LINE, b"\x00\x02\x00\x01", END),
    ],
)
def test_runs_that_decoders_draw_elsewhere_are_refused(data: bytes) -> None:
    with pytest.raises(UndecodableImageError, match="the bmp"):
        decode(data)


@pytest.mark.parametrize(
    "commands",
    [
        (ROW, LINE, ROW, END),
        (ROW, LINE, ROW, LINE, END),
        (b"\x0c\x07", LINE, ROW, END),
        (b"\x00\x08" + bytes(8), LINE, b"\x00\x05" + bytes(6), b"\x03\x07", LINE, END),
    ],
)
def test_runs_that_fill_the_picture_are_read(commands: tuple[bytes, ...]) -> None:
    assert decode(runs(*commands))[0].shape == (2, 8, 3)


@pytest.mark.parametrize("start", [0, 54, 54 + 1023])
def test_pixels_that_begin_in_the_table_are_refused(start: int) -> None:
    data = bytearray(bmp(8, bytes(64), table=greys(256)))
    data[10:14] = struct.pack("<I", start)

    with pytest.raises(UndecodableImageError, match="table"):
        decode(bytes(data))


def with_segments(*marks: tuple[int, int]) -> bytes:
    size = -(-len(SRGB_PROFILE) // len(marks))
    parts = [
        jpeg_segment(
            2, b"ICC_PROFILE\x00" + bytes(mark) + SRGB_PROFILE[at * size : (at + 1) * size]
        )
        for at, mark in enumerate(marks)
    ]
    plain = encode(photo(), "JPEG")
    return plain[:2] + b"".join(parts) + plain[2:]


@pytest.mark.parametrize(
    "marks",
    [((1, 1), (1, 1)), ((1, 2),), ((1, 1), (2, 1)), ((1, 255),), ((0, 1),), ((1, 1), (0, 0))],
)
def test_a_jpeg_with_a_torn_profile_is_refused(marks: tuple[tuple[int, int], ...]) -> None:
    data = with_segments(*marks)

    for source in (data, Image.open(io.BytesIO(data))):
        with pytest.raises(UndecodableImageError, match="torn"):
            decode_image(source, ImageLimits(), 320)


@pytest.mark.parametrize("first", [0, 1])
def test_a_jpeg_with_a_profile_after_its_sizes_is_refused(first: int) -> None:
    data = with_segments((1, 2), (2, 2))

    def end_of(at: int) -> int:
        return at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")

    second = end_of(2)
    frame = data.index(b"\xff\xc0", end_of(second))
    start, end = ((2, second), (second, end_of(second)))[first]
    late = data[start:end]
    moved = data[:start] + data[end : end_of(frame)] + late + data[end_of(frame) :]

    with pytest.raises(UndecodableImageError, match="profile"):
        decode(moved)


@pytest.mark.parametrize("marks", [((1, 1),), ((1, 2), (2, 2)), ((2, 2), (1, 2))])
def test_a_jpeg_with_a_whole_profile_is_read(marks: tuple[tuple[int, int], ...]) -> None:
    assert decode(with_segments(*marks))


def clearing(first_flags: int) -> bytes:
    """A GIF whose second frame is cleared, and whose third draws little."""
    colours = b"\x00\x00\x00\xff\xff\xff"
    data = b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0x80, 0, 0) + colours
    for flags, size in ((first_flags, 4), (2 << 2 | 1, 4), (1 << 2 | 1, 2)):
        pixels = encode(Image.new("P", (size, size), 1), "GIF")
        control = b"\x21\xf9\x04" + bytes([flags, 5, 0, 0, 0])
        data += control + pixels[pixels.index(b",") : -1]
    return data + b";"


def test_a_gif_that_clears_what_began_opaque_is_refused() -> None:
    with pytest.raises(UndecodableImageError, match="the gif leaves parts undrawn"):
        decode(clearing(1 << 2))
    assert decode(clearing(1 << 2 | 1))
