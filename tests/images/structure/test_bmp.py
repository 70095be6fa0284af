"""BMPs from which decoders and browsers take different pictures."""

import struct

import pytest

from pictures import encode, photo
from worksafe.errors import UndecodableImageError
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.images.resize import RgbImage


def decode(data: bytes) -> list[RgbImage]:
    return [view.pixels for view in decode_image(data, ImageLimits(), 2000).views]


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


def core_bmp(bits: int, pixels: bytes, *, table: bytes = b"", start: int | None = None) -> bytes:
    """Four by two pixels below the first header that there was, of twelve bytes."""
    begins = 26 + len(table) if start is None else start
    head = b"BM" + struct.pack("<IHHI", 26 + len(table) + len(pixels), 0, 0, begins)
    return head + struct.pack("<IHHHH", 12, 4, 2, 1, bits) + table + pixels


def test_a_bmp_with_the_oldest_header_is_read_whatever_its_first_pixels_are() -> None:
    assert decode(core_bmp(24, b"\0\0\x08\0" + bytes(20)))[0].shape == (2, 4, 3)
    assert decode(core_bmp(8, bytes(8), table=bytes(range(256)) * 3))[0].shape == (2, 4, 3)


def test_pixels_that_begin_in_the_table_of_the_oldest_header_are_refused() -> None:
    with pytest.raises(UndecodableImageError, match="table"):
        decode(core_bmp(8, bytes(8), table=bytes(range(256)) * 3, start=26))


def bmp_of_runs(coding: int, runs: bytes) -> bytes:
    """Four by four pixels, of a palette of greys."""
    colours = 256 if coding == 1 else 16
    palette = b"".join(bytes([level % 256] * 3 + [0]) for level in range(colours))
    header = struct.pack("<IiiHHIIiiII", 40, 4, 4, 1, 8 // coding, coding, len(runs), 0, 0, 0, 0)
    start = 14 + len(header) + len(palette)
    head = struct.pack("<2sIHHI", b"BM", start + len(runs), 0, 0, start)
    return head + header + palette + runs


@pytest.mark.parametrize(
    ("coding", "runs"),
    [
        (1, b"\x02\x05\x00\x02\x03\x00" + b"\x04\x05\x00\x00" * 3 + b"\x00\x01"),  # a jump
        (1, b"\x04\x05\x00\x00" * 3 + b"\x00\x01"),  # a row too few
        (1, b"\x03\x05\x00\x00" * 4 + b"\x00\x01"),  # a pixel of each row too few
        (2, b"\x02\x55\x00\x00" * 4 + b"\x00\x01"),
    ],
)
def test_a_bmp_that_leaves_pixels_undrawn_is_an_error(coding: int, runs: bytes) -> None:
    with pytest.raises(UndecodableImageError, match="undrawn"):
        decode(bmp_of_runs(coding, runs))


@pytest.mark.parametrize(
    "runs",
    [
        b"\x04\x05\x00\x00" * 4 + b"\x00\x01",
        b"\x00\x04\x05\x06\x07\x08\x00\x00" * 4 + b"\x00\x01",
        b"\x00\x03\x05\x06\x07\x00\x01\x08\x00\x00" * 4 + b"\x00\x01",
    ],
)
def test_a_usual_bmp_of_runs_is_decoded(runs: bytes) -> None:
    assert decode(bmp_of_runs(1, runs))[0].shape == (4, 4, 3)
