"""Pixels to a file of the format that the picture came in, with nothing else in it."""

import io
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from worksafe.images.resize import RgbImage


@dataclass(frozen=True, slots=True)
class _Writer:
    name: str
    plugin: str
    options: dict[str, Any] = field(default_factory=dict)


_JPEG = _Writer("jpeg", "JPEG", {"quality": 92, "subsampling": 0})
_PNG = _Writer("png", "PNG")
_WRITERS: dict[str, _Writer] = {
    "jpeg": _JPEG,
    "png": _PNG,
    "gif": _Writer("gif", "GIF"),
    "webp": _Writer("webp", "WEBP", {"quality": 90}),
    "bmp": _Writer("bmp", "BMP"),
    "tiff": _Writer("tiff", "TIFF", {"compression": "tiff_deflate"}),
    "avif": _Writer("avif", "AVIF", {"quality": 80, "speed": 9, "max_threads": 1}),
    "heic": _JPEG,  # its codec is one that we can read and not write
}


def write_image(pixels: RgbImage, format_name: str) -> tuple[bytes, str]:
    """Encode a picture.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (h, w, 3)
        Upright RGB.
    format_name : str
        As decoding named it. HEIC becomes JPEG; what came as pixels becomes PNG.

    Returns
    -------
    data : bytes
        No metadata.
    format_name : str
        What it is now.
    """
    writer = _WRITERS.get(format_name, _PNG)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, writer.plugin, **writer.options)
    return file.getvalue(), writer.name
