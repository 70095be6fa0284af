"""Files that are no picture, only begin like one, or ask for absurd work."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable

import numpy as np

from worksafe.doctor.making import (
    bmp_of_runs,
    encoded,
    iso_box,
    moving,
    png,
    png_chunk,
    scene,
    tiff,
    zeros,
)

_NO_IMAGE = "not_an_image"
_DAMAGED = "undecodable_image"


def _cut(make: Callable[[], bytes], share: float = 0.5) -> Callable[[], bytes]:
    def cut() -> bytes:
        data = make()
        return data[: int(share * len(data))]

    return cut


def _of(image_format: str, **options: int) -> Callable[[], bytes]:
    return lambda: encoded(scene(), image_format, **options)


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.jpg", encoded(scene(), "JPEG"))
    return file.getvalue()


def _jpeg_of_size(width: int, height: int) -> bytes:
    data = bytearray(encoded(scene(), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def _gif_of_size(width: int, height: int) -> bytes:
    data = bytearray(encoded(scene(), "GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


def _many_scans() -> bytes:
    data = encoded(scene(), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * 300 + b"\xff\xd9"


def _shared_directories() -> bytes:
    entries = 400
    head = b"II*\x00" + struct.pack("<I", 8)
    pages, size = [], 2 + 12 * entries + 4
    for page in range(1500):
        following = 8 + size * (page + 1)
        packed = struct.pack("<HHII", 270, 2, 100_000, 8) * entries
        pages.append(struct.pack("<H", entries) + packed + struct.pack("<I", following))
    return head + b"".join(pages)


def _bmp_of_runs() -> bytes:
    """Make a BMP of 10,000 x 5,000 px, run-length encoded, of 30 kB."""
    runs = (b"\xff\x00" * 40 + b"\x00\x00") * 370 + b"\x00\x01"
    return bmp_of_runs(10_000, 5_000, runs)


def _bad_checksum() -> bytes:
    data = bytearray(encoded(scene(), "PNG"))
    at = data.index(b"IDAT") + 20
    data[at] ^= 0xFF
    return bytes(data)


def _noise() -> bytes:
    return np.random.default_rng(1).bytes(50_000)


def _png_bomb() -> bytes:
    rows = zeros(14_000 * (14_000 * 3 + 1))
    return png(14_000, 14_000, png_chunk(b"IDAT", rows))


def _ftyp(*brands: bytes) -> bytes:
    return iso_box(b"ftyp", brands[0] + bytes(4) + b"".join(brands[1:]))


FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "no bytes": (lambda: b"", "empty_image"),
    "one byte": (lambda: b"\xff", _NO_IMAGE),
    "zeros": (lambda: bytes(4096), _NO_IMAGE),
    "noise": (_noise, _NO_IMAGE),
    "text": (lambda: b"not a picture at all", _NO_IMAGE),
    "HTML named .jpg": (lambda: b"<!doctype html><script>alert(1)</script>", _NO_IMAGE),
    "JSON": (lambda: b'{"images": []}', _NO_IMAGE),
    "SVG": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", _NO_IMAGE),
    "SVG after an XML head": (lambda: b"<?xml version='1.0'?><svg/>", _NO_IMAGE),
    "PDF": (lambda: b"%PDF-1.7\n" + bytes(100), _NO_IMAGE),
    "PostScript, which some libraries run": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n", _NO_IMAGE),
    "FITS": (lambda: b"SIMPLE  =                    T" + bytes(2880), _NO_IMAGE),
    "Photoshop": (lambda: b"8BPS\x00\x01" + bytes(40), _NO_IMAGE),
    "icon": (lambda: b"\x00\x00\x01\x00\x01\x00" + bytes(40), _NO_IMAGE),
    "JPEG XL": (lambda: b"\xff\x0a" + bytes(40), _NO_IMAGE),
    "JPEG 2000": (lambda: b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(40), _NO_IMAGE),
    "ZIP": (_zip, _NO_IMAGE),
    "WAV": (lambda: b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(40), _NO_IMAGE),
    "playlist of HLS, which names addresses": (lambda: b"#EXTM3U\nhttp://[::1]/", _NO_IMAGE),
    "list of films, which names files": (lambda: b"ffconcat version 1.0\nfile /x", _NO_IMAGE),
    "M4A, a sound": (lambda: _ftyp(b"M4A ", b"M4A "), _NO_IMAGE),
    "JPEG, first bytes": (lambda: b"\xff\xd8\xff\xe0", _DAMAGED),
    "PNG, first bytes": (lambda: b"\x89PNG\r\n\x1a\n", _DAMAGED),
    "GIF, first bytes": (lambda: b"GIF89a", _DAMAGED),
    "WebP, first bytes": (lambda: b"RIFF\x24\x00\x00\x00WEBPVP8 ", _DAMAGED),
    "TIFF, first bytes": (lambda: b"II*\x00", _DAMAGED),
    "AVIF, first bytes": (lambda: _ftyp(b"avif"), _DAMAGED),
    "HEIC, first bytes": (lambda: _ftyp(b"heic"), _DAMAGED),
    "MP4, first bytes": (lambda: _ftyp(b"isom"), _DAMAGED),
    "Matroska, first bytes": (lambda: b"\x1a\x45\xdf\xa3", _DAMAGED),
    "AVI, first bytes": (lambda: b"RIFF\x24\x00\x00\x00AVI LIST", _DAMAGED),
    "JPEG cut off": (_cut(_of("JPEG")), _DAMAGED),
    "PNG cut off": (_cut(_of("PNG")), _DAMAGED),
    "GIF cut off": (_cut(_of("GIF")), _DAMAGED),
    "WebP cut off": (_cut(_of("WEBP")), _DAMAGED),
    "BMP cut off": (_cut(_of("BMP")), _DAMAGED),
    "TIFF cut off": (_cut(_of("TIFF")), _DAMAGED),
    "AVIF cut off": (_cut(_of("AVIF")), _DAMAGED),
    "animation cut off in its second frame": (
        _cut(lambda: moving("WEBP", 3, 1), 0.7),
        _DAMAGED,
    ),
    "PNG with a wrong checksum": (_bad_checksum, _DAMAGED),
    "PNG without pixels": (lambda: png(64, 64), _DAMAGED),
    "PNG of no width": (lambda: png(0, 64, png_chunk(b"IDAT", zeros(64))), _DAMAGED),
    "PNG that stops in its pixels": (
        lambda: png(64, 64, png_chunk(b"IDAT", zlib.compress(bytes(600)))),
        _DAMAGED,
    ),
    "JPEG of no height": (lambda: _jpeg_of_size(160, 0), f"{_DAMAGED} or empty_image"),
    "GIF of no size": (lambda: _gif_of_size(0, 0), f"ok or empty_image or {_DAMAGED}"),
    "TIFF whose pages lead in a circle": (
        lambda: tiff((256, 3, 1, 8), following=8),
        _DAMAGED,
    ),
    "TIFF of 1,500 pages that share their entries": (_shared_directories, _DAMAGED),
    "PNG of 196 Mpx in 570 kB": (_png_bomb, "too_many_pixels"),
    "PNG that claims 256 Mpx": (
        lambda: png(16_000, 16_000, png_chunk(b"IDAT", zeros(64))),
        "too_many_pixels",
    ),
    "JPEG that claims 65,500 px": (lambda: _jpeg_of_size(65_500, 65_500), "too_many_pixels"),
    "GIF that claims 65,535 px": (lambda: _gif_of_size(65_535, 65_535), "too_many_pixels"),
    "BMP of 50 Mpx in 30 kB": (_bmp_of_runs, f"ok or {_DAMAGED}"),
    "JPEG of 300 scans": (_many_scans, _DAMAGED),
    "PNG with 1 GB of packed text": (
        lambda: png(
            8, 8, png_chunk(b"zTXt", b"x\x00\x00" + zeros(1024**3)), png_chunk(b"IDAT", zeros(200))
        ),
        f"ok or {_DAMAGED}",
    ),
    "PNG with 1 GB of colour profile": (
        lambda: png(
            8, 8, png_chunk(b"iCCP", b"x\x00\x00" + zeros(1024**3)), png_chunk(b"IDAT", zeros(200))
        ),
        f"ok or {_DAMAGED}",
    ),
}
"""By what is odd: the file, and the answers that are right."""
