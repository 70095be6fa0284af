"""TIFFs that Pillow reads as another picture than viewers do."""

import io
import struct
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from pictures import encode, photo
from worksafe.errors import UndecodableImageError
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.images.source import Source

RGB = np.asarray(photo())
GREY = np.asarray(photo().convert("L"))


def tiff(levels: NDArray[Any], photometric: str, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, levels, photometric=photometric, **options)
    return file.getvalue()


def wide(levels: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return levels.astype(np.uint16) * np.uint16(257)


def planes(levels: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(np.moveaxis(levels, -1, 0))


def half_colour() -> bytes:
    """YCbCr, one colour for four pixels, filled up to what a colour for each would take."""
    height, width = (side // 2 * 2 for side in RGB.shape[:2])
    colours = np.asarray(photo().convert("YCbCr"))[:height, :width]
    blocks = [colours[row::2, column::2, 0] for row in (0, 1) for column in (0, 1)]
    blocks += [colours[::2, ::2, 1], colours[::2, ::2, 2]]
    pixels = np.dstack(blocks).tobytes().ljust(width * height * 3, b"\x80")
    entries = [
        (256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 6),
        (273, 4, 150), (277, 3, 3), (278, 4, height), (279, 4, len(pixels)),
    ]  # fmt: skip
    head = b"II*\x00" + struct.pack("<IH", 8, len(entries))
    body = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return (head + body + struct.pack("<I", 0)).ljust(150, b"\x00") + pixels


def decode(source: Source) -> list[NDArray[np.uint8]]:
    return [view.pixels for view in decode_image(source, ImageLimits(), 2000).views]


def palette(levels: int) -> bytes:
    """A palette of greys, whose entries are so many times eight bits."""
    table = np.tile(np.arange(256, dtype=np.uint16) * levels, (3, 1))
    return tiff(GREY, "palette", colormap=table)


def in_strips(more: int, *, with_tile_width: bool = False) -> bytes:
    """Strips of 16 rows, and some that nobody needs."""
    data = tiff(GREY[:64], "minisblack", rowsperstrip=16)
    if with_tile_width:  # in place of the name of the software
        entry = data.index(struct.pack("<HH", 305, 2), 8)
        data = data[:entry] + struct.pack("<HHII", 322, 3, 1, 1) + data[entry + 12 :]
    page = tifffile.TiffFile(io.BytesIO(data)).pages.first
    offsets = [*page.dataoffsets, *page.dataoffsets[:more]]
    place = len(data)
    for tag in (273, 279):
        values = offsets if tag == 273 else [64 * 16] * len(offsets)
        entry = data.index(struct.pack("<H", tag), 8)
        head = struct.pack("<HHII", tag, 4, len(offsets), len(data))
        data = data[:entry] + head + data[entry + 12 :] + struct.pack(f"<{len(offsets)}I", *values)
    assert place < len(data)
    return data


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (palette(1), "a palette of eight bits"),
        (in_strips(2), "more pixels than fill it"),
        (in_strips(2, with_tile_width=True), "more pixels than fill it"),
        (
            tiff(wide(GREY).astype(np.int16) // 2, "minisblack", byteorder=">", compression="zlib"),
            "the highest byte first",
        ),
        (tiff(np.dstack([RGB, GREY]), "rgb", extrasamples=["unspecified"]), "a fourth sample"),
        (tiff(planes(wide(RGB)), "rgb", planarconfig="separate"), "planes"),
        (tiff(planes(wide(RGB)), "rgb", planarconfig="separate", tile=(64, 64)), "planes"),
        (tiff(wide(255 - GREY), "miniswhite"), "white as zero"),
        (tiff(wide(255 - GREY), "miniswhite", compression="zlib"), "white as zero"),
        (tiff(1 - GREY / np.float32(255), "miniswhite"), "white as zero"),
        (tiff(GREY.astype(np.uint32) * 2**24, "minisblack"), "unsigned levels of 32 bits"),
        (half_colour(), "colours for several pixels"),
    ],
)
def test_a_tiff_that_is_read_as_another_picture_is_refused(data: bytes, what: str) -> None:
    with pytest.raises(UndecodableImageError, match=what):
        decode(data)
    with pytest.raises(UndecodableImageError, match=what):
        decode(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize(
    ("data", "picture"),
    [
        (tiff(planes(RGB), "rgb", planarconfig="separate"), RGB),
        (tiff(planes(RGB), "rgb", planarconfig="separate", tile=(64, 64)), RGB),
        (tiff(RGB, "rgb", tile=(48, 64)), RGB),
        (tiff(RGB, "rgb", rowsperstrip=7), RGB),
        (tiff(np.dstack([RGB, np.full_like(GREY, 255)]), "rgb", extrasamples=["unassalpha"]), RGB),
        (palette(257), GREY),
        (in_strips(0), GREY[:64]),
        (tiff(planes(wide(RGB)), "rgb", planarconfig="separate", compression="zlib"), RGB),
        (tiff(wide(RGB), "rgb"), RGB),
        (tiff(255 - GREY, "miniswhite"), GREY),
        (tiff(wide(GREY), "minisblack"), GREY),
        (tiff(wide(GREY // 2), "minisblack"), GREY // 2),
        (tiff(wide(GREY), "minisblack", byteorder=">"), GREY),
        (tiff((GREY // 2).astype(np.int32) * 2**23, "minisblack"), GREY // 2),
        (tiff(GREY / np.float32(510), "minisblack"), GREY // 2),
        (encode(photo(), "TIFF", compression="jpeg", quality=95), RGB),
    ],
)
def test_a_tiff_that_is_read_as_it_is_is_checked_as_it_is(
    data: bytes, picture: NDArray[np.uint8]
) -> None:
    shown = picture if picture.ndim == 3 else np.dstack([picture] * 3)

    errors = [np.abs(pixels.astype(int) - shown).mean() for pixels in decode(data)]

    assert min(errors) < 3


def test_a_page_that_says_a_thing_twice_is_refused() -> None:
    data = bytearray(tiff(GREY, "minisblack"))
    (place,) = struct.unpack_from("<I", data, 4)
    data[place + 2 + 12 : place + 2 + 24] = data[place + 2 : place + 2 + 12]

    with pytest.raises(UndecodableImageError, match="an entry twice"):
        decode(bytes(data))


def test_a_picture_of_16_bits_is_also_seen_as_the_same_of_8() -> None:
    dull = 60 + GREY // 4

    for image_format in ("PNG", "TIFF"):
        views = decode(encode(Image.fromarray(wide(dull)), image_format))
        assert min(np.abs(one.astype(int) - dull[..., None]).max() for one in views) <= 1
