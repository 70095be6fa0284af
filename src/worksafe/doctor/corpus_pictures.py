"""Pictures of every odd kind: all of them are to be scored, whatever they hide and however."""

import struct
from collections.abc import Callable

import numpy as np
from PIL import Image

from worksafe.doctor.making import encoded, exif, png_chunk, scene, srgb_profile

_OK = "ok"
_PHOTOMETRIC, _SAMPLE_FORMAT = 262, 339  # tags of a TIFF


def _retagged(tiff: bytes, tag: int, old: int, new: int) -> bytes:
    """Change the one number that a TIFF's entry has."""
    entry = struct.pack("<HHIHH", tag, 3, 1, old, 0)
    assert entry in tiff  # noqa: S101 - as Pillow writes it
    return tiff.replace(entry, struct.pack("<HHIHH", tag, 3, 1, new, 0))


def _wide(kind: type[np.generic], image_format: str) -> bytes:
    ramp = np.linspace(0, 60_000, 64 * 64).reshape(64, 64)
    return encoded(Image.fromarray(ramp.astype(kind)), image_format)


def _mode(mode: str, image_format: str) -> bytes:
    return encoded(scene().convert(mode), image_format)


def _lab() -> bytes:
    grey = scene().convert("L")
    return encoded(Image.merge("LAB", [grey, grey, grey]), "TIFF")


def _transparent(ink: int) -> bytes:
    pixels = np.full((64, 64, 4), ink, dtype=np.uint8)
    pixels[..., 3] = 0
    pixels[16:48, 16:48, 3] = 255
    return encoded(Image.fromarray(pixels), "PNG")


def _transparent_palette() -> bytes:
    return encoded(scene().quantize(16), "PNG", transparency=3)


def _transparent_grey_16() -> bytes:
    data = _wide(np.uint16, "PNG")
    at = data.index(b"IDAT") - 4
    return data[:at] + png_chunk(b"tRNS", struct.pack(">H", 0)) + data[at:]


def _inverted_cmyk() -> bytes:
    """Adobe writes CMYK inverted, and says so in a marker."""
    data = _mode("CMYK", "JPEG")
    marker = b"\xff\xee\x00\x0eAdobe\x00\x64\x80\x00\x00\x00\x02"
    return data[:2] + marker + data[2:]


def _turned(orientation: int) -> bytes:
    return encoded(scene(), "JPEG", exif=exif((0x0112, 3, 1, orientation)))


def _many_directories() -> bytes:
    entries = [(0x8769, 4, 1, 8 + place) for place in range(512)]
    return encoded(scene(), "JPEG", exif=exif(*entries))


def _many_code_points() -> bytes:
    marks = b"".join(b"\0\0\0\4cICP" + bytes([place, 8, 0, 1]) for place in range(11, 256))
    plain = encoded(scene(1279, 1279), "PNG")
    return plain[:33] + png_chunk(b"prIv", marks) + plain[33:]


def _with_preview(preview: Image.Image, image_format: str = "JPEG") -> bytes:
    data = encoded(preview, "JPEG", quality=75, progressive=True)
    return encoded(scene(), image_format, exif=exif((0x0112, 3, 1, 1), thumbnail=data))


def _profile(profile: bytes) -> bytes:
    return encoded(scene(), "JPEG", icc_profile=profile)


def _xmp(orientation: int) -> bytes:
    packet = (
        "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf"
        f"-syntax-ns#'><rdf:Description tiff:Orientation='{orientation}' "
        "xmlns:tiff='http://ns.adobe.com/tiff/1.0/'/></rdf:RDF></x:xmpmeta>"
    )
    return encoded(scene(), "JPEG", xmp=packet.encode())


def _upside_down_bmp() -> bytes:
    data = bytearray(encoded(scene(), "BMP"))
    data[22:26] = struct.pack("<i", -120)
    return bytes(data)


def _tail(image_format: str, tail: bytes) -> bytes:
    return encoded(scene(), image_format) + tail


PICTURES: dict[str, tuple[Callable[[], bytes], str]] = {
    "1 x 1 px": (lambda: encoded(scene(1, 1), "PNG"), _OK),
    "16,384 x 1 px": (lambda: encoded(scene(16_384, 1), "PNG"), _OK),
    "1 x 16,384 px": (lambda: encoded(scene(1, 16_384), "PNG"), _OK),
    "65,500 x 1 px": (lambda: encoded(Image.new("RGB", (65_500, 1)), "JPEG"), "side_too_long"),
    "50 Mpx with transparency": (
        lambda: encoded(Image.new("RGBA", (7_000, 7_000), (9, 9, 9, 99)), "PNG"),
        _OK,
    ),
    "50 Mpx TIFF": (
        lambda: encoded(Image.new("RGB", (7_000, 7_000)), "TIFF", compression="tiff_lzw"),
        _OK,
    ),
    "black and white, one bit": (lambda: _mode("1", "PNG"), _OK),
    "grey": (lambda: _mode("L", "JPEG"), _OK),
    "grey with transparency": (lambda: _mode("LA", "PNG"), _OK),
    "16-bit grey": (lambda: _wide(np.uint16, "PNG"), _OK),
    "16-bit grey with a transparent level": (_transparent_grey_16, "undecodable_image"),
    "16-bit grey TIFF with white as zero": (
        lambda: _retagged(_wide(np.uint16, "TIFF"), _PHOTOMETRIC, 1, 0),
        "undecodable_image",
    ),
    "32-bit whole numbers": (lambda: _wide(np.int32, "TIFF"), _OK),
    "32-bit whole numbers without a sign": (
        lambda: _retagged(_wide(np.int32, "TIFF"), _SAMPLE_FORMAT, 2, 1),
        "undecodable_image",
    ),
    "floating point": (lambda: _wide(np.float32, "TIFF"), _OK),
    "palette": (lambda: encoded(scene().quantize(16), "PNG"), _OK),
    "palette with a transparent colour": (_transparent_palette, _OK),
    "CMYK": (lambda: _mode("CMYK", "JPEG"), _OK),
    "CMYK, inverted as Adobe does": (_inverted_cmyk, _OK),
    "YCbCr TIFF": (lambda: _mode("YCbCr", "TIFF"), _OK),
    "LAB": (_lab, _OK),
    "white on nothing": (lambda: _transparent(255), _OK),
    "black on nothing": (lambda: _transparent(0), _OK),
    **{
        f"EXIF orientation {value}": (lambda value=value: _turned(value), _OK)  # type: ignore[misc]
        for value in (1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 60_000)
    },
    "orientation in XMP alone": (lambda: _xmp(3), _OK),
    "damaged EXIF": (
        lambda: encoded(scene(), "JPEG", exif=b"Exif\x00\x00II*\x00" + b"\xff" * 30),
        _OK,
    ),
    "EXIF with hundreds of directories": (_many_directories, "undecodable_image"),
    "hundreds of ways to read the levels": (_many_code_points, _OK),
    "preview of the same picture": (lambda: _with_preview(scene(80, 60)), _OK),
    "preview that shows something else": (lambda: _with_preview(scene(80, 60, 7)), _OK),
    "preview of 9 Mpx": (
        lambda: _with_preview(Image.new("L", (3000, 3000)), "PNG"),
        "undecodable_image",
    ),
    "colour profile": (lambda: _profile(srgb_profile()), _OK),
    "damaged colour profile": (lambda: _profile(b"\x00" * 200), _OK),
    "progressive JPEG": (lambda: encoded(scene(), "JPEG", progressive=True), _OK),
    "BMP from top to bottom": (_upside_down_bmp, _OK),
    "lossless WebP": (lambda: encoded(scene(), "WEBP", lossless=True), _OK),
    "JPEG with a web page behind it": (
        lambda: _tail("JPEG", b"<html><script>alert(1)</script></html>"),
        _OK,
    ),
    "JPEG with another JPEG behind it": (
        lambda: _tail("JPEG", encoded(scene(seed=3), "JPEG")),
        _OK,
    ),
    "GIF with a ZIP behind it": (lambda: _tail("GIF", b"PK\x03\x04" + bytes(100)), _OK),
    "PNG with 100 kB behind it": (lambda: _tail("PNG", bytes(100_000)), _OK),
    "PNG with an unknown chunk of 100 kB": (
        lambda: (
            encoded(scene(), "PNG")[:33]
            + png_chunk(b"teSt", bytes(100_000))
            + encoded(scene(), "PNG")[33:]
        ),
        _OK,
    ),
}
"""By what is odd: the file, and the answers that are right."""
