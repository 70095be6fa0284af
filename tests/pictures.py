"""Pictures for tests: openly licensed photographs that packages carry, and generated ones."""

import io
import struct
import zlib
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data
from sklearn.datasets import load_sample_image

from worksafe.doctor.making import png_chunk

Rgb = NDArray[np.uint8]


@cache
def photographs() -> dict[str, Rgb]:
    """RGB photographs by name: people, animals, things, food, a building, a plant."""
    found = {
        "astronaut": data.astronaut(),
        "cat": data.chelsea(),
        "coffee": data.coffee(),
        "rocket": data.rocket(),
        "china": load_sample_image("china.jpg"),
        "flower": load_sample_image("flower.jpg"),
    }
    return {name: np.ascontiguousarray(pixels) for name, pixels in found.items()}


def photo(name: str = "astronaut") -> Image.Image:
    return Image.fromarray(photographs()[name])


def encode(image: Image.Image, image_format: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def quadrants(width: int = 96, height: int = 64) -> Image.Image:
    """Red, green, blue and white quarters, from the upper left: shows how a picture is turned."""
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    pixels[: height // 2, width // 2 :] = (0, 255, 0)
    pixels[height // 2 :, : width // 2] = (0, 0, 255)
    pixels[height // 2 :, width // 2 :] = (255, 255, 255)
    return Image.fromarray(pixels)


UPRIGHT = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]
"""What `corner_colours` gives of `quadrants`."""


def corner_colours(pixels: Rgb) -> list[tuple[int, ...]]:
    """Colours near the four corners, rounded to 0 or 255: upper left and right, lower the same."""
    height, width = pixels.shape[:2]
    spots = [
        (height // 8, width // 8),
        (height // 8, width - width // 8),
        (height - height // 8, width // 8),
        (height - height // 8, width - width // 8),
    ]
    return [tuple(255 if value > 127 else 0 for value in pixels[y, x]) for y, x in spots]


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has no more: 60 bytes that would unpack to anything."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(b"\x00" * 64))
        + png_chunk(b"IEND", b"")
    )


BROKEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty_image"),
    "text": (b"just some text, no picture", "not_an_image"),
    "html named as a picture": (b"<!doctype html><html></html>", "not_an_image"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "not_an_image"),
    "jpeg cut off": (encode(photo(), "JPEG")[:9000], "undecodable_image"),
    "png cut off": (encode(photo(), "PNG")[:20000], "undecodable_image"),
    "webp cut off": (encode(photo("cat"), "WEBP")[:4000], "undecodable_image"),
    "only a jpeg's first bytes": (b"\xff\xd8\xff\xe0", "undecodable_image"),
    "png of 400 megapixels": (png_header(20_000, 20_000), "too_many_pixels"),
    "png 60,000 pixels wide": (png_header(60_000, 100), "side_too_long"),
}
"""Ten files that cannot be checked, each with the code that says why."""


def small(picture: Image.Image) -> Image.Image:
    """A picture as small as cameras make their previews."""
    preview = picture.copy()
    preview.thumbnail((160, 160))
    return preview


def with_thumbnail(picture: Image.Image, thumbnail: bytes, image_format: str = "JPEG") -> bytes:
    """A picture whose EXIF carries a preview, as cameras write it."""
    directory = (
        b"\x03\x00"
        + (0x0103).to_bytes(2, "little") + b"\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"
        + (0x0201).to_bytes(2, "little") + b"\x04\x00\x01\x00\x00\x00"
        + (8 + 6 + 2 + 36 + 4).to_bytes(4, "little")
        + (0x0202).to_bytes(2, "little") + b"\x04\x00\x01\x00\x00\x00"
        + len(thumbnail).to_bytes(4, "little")
        + b"\x00\x00\x00\x00"
    )  # fmt: skip
    tiff = b"II*\x00\x08\x00\x00\x00" + b"\x00\x00" + b"\x0e\x00\x00\x00" + directory
    exif = b"Exif\x00\x00" + tiff + thumbnail
    return encode(picture, image_format, exif=exif)


def chunk_after_header(png: bytes, kind: bytes, body: bytes) -> bytes:
    """Put a chunk behind a PNG's header."""
    end = 8 + 25
    return png[:end] + png_chunk(kind, body) + png[end:]


def interlaced(pixels: Rgb) -> bytes:
    """A PNG in seven passes (Adam7), which Pillow does not write."""
    height, width = pixels.shape[:2]
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
              (1, 0, 2, 1)]  # fmt: skip
    rows = b"".join(
        b"\0" + row.tobytes()
        for top, left, down, across in passes
        for row in pixels[top::down, left::across]
    )
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1))
    body = png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + body
