"""PNG, JPEG and GIF from which decoders and browsers take different pictures."""

import io
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from colour_profiles import SRGB as SRGB_PROFILE
from pictures import chunk_after_header, encode, photo
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
TURNED = png_chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\3\0\0\0\0\0\0")
GREY_LEVEL = png_chunk(b"tRNS", struct.pack(">3H", 1, 2, 3))


@pytest.mark.parametrize(
    "data",
    [
        png(GAMMA, GAMMA),
        png(late=GAMMA),
        png(GAMMA, late=png_chunk(b"sRGB", b"\x00")),
        png(GAMMA, png_chunk(b"sRGB", b"\x09")),
        png(GAMMA, png_chunk(b"sRGB", b"\x00\x00")),
        png(GAMMA, png_chunk(b"sRGB", b"")),
        png(late=png_chunk(b"iCCP", b"x\x00\x00" + zlib.compress(b"none"))),
        png(png_chunk(b"iCCP", b"\x00\x00" + zlib.compress(SRGB_PROFILE))),
        png(png_chunk(b"iCCP", b"x" * 80 + b"\x00\x00" + zlib.compress(SRGB_PROFILE))),
        png(TURNED, png_chunk(b"eXIf", b"")),
        png(TURNED, late=TURNED),
        png(GREY_LEVEL, late=GREY_LEVEL),
        png(late=GREY_LEVEL),
        png(GAMMA, primaries(NEARLY_A_LINE)),
        png(GAMMA, primaries((0,) * 8)),
        png(GAMMA, primaries((33333, 33333, 100000, 0, 0, 100000, 0, 0))),  # XYZ
    ],
)
def test_a_png_that_says_its_colours_or_its_turn_in_two_ways_is_refused(data: bytes) -> None:
    with pytest.raises(UndecodableImageError, match="the png"):
        decode(data)


@pytest.mark.parametrize(
    "data",
    [
        png(GAMMA, primaries(SRGB)),
        png(GAMMA, primaries(SRGB), png_chunk(b"sRGB", b"\x00")),
        png(primaries(NEARLY_A_LINE), png_chunk(b"sRGB", b"\x00")),  # which counts instead
        png(GREY_LEVEL),
        png(late=TURNED),
        png(png_chunk(b"iCCP", b"x" * 79 + b"\x00\x00" + zlib.compress(SRGB_PROFILE))),
        png(late=png_chunk(b"tEXt", b"a\x00b") * 2),
    ],
)
def test_a_png_that_says_them_once_is_read(data: bytes) -> None:
    assert decode(data)


def test_a_png_whose_profile_has_a_wrong_checksum_is_refused() -> None:
    """The decoder leaves it, others apply it."""
    packed = zlib.compress(SRGB_PROFILE)

    with pytest.raises(UndecodableImageError, match="profile"):
        decode(png(png_chunk(b"iCCP", b"x\x00\x00" + packed[:-4] + bytes(4))))


def test_a_png_with_a_pixel_beyond_its_palette_is_refused() -> None:
    indexes = Image.fromarray(np.tile(np.arange(4, dtype=np.uint8), (8, 2)), "P")
    indexes.putpalette([0, 0, 0, 255, 255, 255, 9, 9, 9, 99, 99, 99])
    whole = encode(indexes, "PNG", bits=8)
    at = whole.index(b"PLTE") - 4
    short = whole[:at] + png_chunk(b"PLTE", bytes([0, 0, 0, 255, 255, 255])) + whole[at + 12 + 12 :]

    assert decode(whole)
    with pytest.raises(UndecodableImageError, match="not in its palette"):
        decode(short)


def test_a_png_whose_transparency_comes_before_its_palette_is_refused() -> None:
    """Browsers pass over it, the decoder does not."""
    paletted = photo().resize((64, 64)).quantize(16)
    whole = encode(paletted, "PNG", transparency=3)
    at, alpha_at = whole.index(b"PLTE") - 4, whole.index(b"tRNS") - 4
    end = whole.index(b"IDAT") - 4
    swapped = whole[:at] + whole[alpha_at:end] + whole[at:alpha_at] + whole[end:]

    assert decode(whole)
    with pytest.raises(UndecodableImageError, match="PLTE"):
        decode(swapped)


@pytest.mark.parametrize("key", [b"\x00\x01", b"\x00\x01\x00\x01\x00\x01"])
def test_a_transparent_level_that_the_decoder_takes_for_another_is_an_error(key: bytes) -> None:
    ramp = (np.tile(np.linspace(0, 255, 64), (64, 1)) * 257).astype(np.uint16)
    plain = encode(Image.fromarray(ramp), "PNG")
    deep = plain[:24] + bytes([16]) + plain[25:]  # as it is already: sixteen bits for a level
    marked = chunk_after_header(deep, b"tRNS", key)

    assert decode(plain)
    with pytest.raises(UndecodableImageError, match="transparent"):
        decode(marked)


@pytest.mark.parametrize("bits", [2, 4])
def test_so_it_is_of_few_levels_of_grey(bits: int) -> None:
    few = Image.fromarray(np.tile(np.arange(2**bits, dtype=np.uint8), (8, 4)))
    few.putpalette([level for index in range(256) for level in [index % 256] * 3])
    plain = encode(few, "PNG", bits=bits)
    grey = bytearray(plain)
    grey[25] = 0  # levels instead of a palette
    header = bytes(grey[12:29])
    grey[29:33] = zlib.crc32(header).to_bytes(4, "big")
    at, end = grey.index(b"PLTE") - 4, grey.index(b"IDAT") - 4
    del grey[at:end]

    assert decode(bytes(grey))
    with pytest.raises(UndecodableImageError, match="transparent"):
        decode(chunk_after_header(bytes(grey), b"tRNS", b"\x00\x01"))


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


@pytest.mark.parametrize("with_table", [True, False])
def test_a_gif_with_a_frame_without_a_table_of_colours_is_refused(with_table: bool) -> None:
    """Its colours are black to browsers, and greys to the decoder."""
    pixels = encode(Image.new("L", (8, 8), 254), "GIF")
    frame = pixels[pixels.index(b"\x2c\x00\x00\x00\x00") : -1]
    flags = 0x80 if with_table else 0
    data = (
        b"GIF89a"
        + struct.pack("<2H3B", 8, 8, flags, 0, 0)
        + b"\x00\x00\x00\xff\xff\xff" * with_table
    )
    if with_table:
        assert decode(data + frame + b";")
        return
    with pytest.raises(UndecodableImageError, match="without a table"):
        decode(data + frame + b";")
