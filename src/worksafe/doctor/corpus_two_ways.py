"""Pictures that viewers read in two ways: none is to be scored as the one that they do not show."""

import struct
from collections.abc import Callable

import numpy as np
from PIL import Image

from worksafe.doctor.making import (
    bmp_of_runs,
    encoded,
    exif,
    iso_box,
    jpeg_segment,
    png_chunk,
    scene,
    srgb_profile,
)

_REFUSED = "undecodable_image"
_SCAN, _TABLE = b"\xff\xda", b"\xff\xc4"
_HEAD_BYTES, _SPACE_AT, _TAG_BYTES = 128, 16, 12  # of a colour profile


def _tag_twice() -> bytes:
    """Name the last tag of a profile once more, in place of the first."""
    profile = srgb_profile()
    first = _HEAD_BYTES + 4
    last = first + _TAG_BYTES * (int.from_bytes(profile[_HEAD_BYTES:first], "big") - 1)
    twice = profile[:first] + profile[last : last + _TAG_BYTES]
    return _with_profile(twice + profile[first + _TAG_BYTES :])


def _no_usual_colours() -> bytes:
    profile = srgb_profile()
    return _with_profile(profile[:_SPACE_AT] + b"3CLR" + profile[_SPACE_AT + 4 :])


def _with_profile(profile: bytes) -> bytes:
    return encoded(scene(), "PNG", icc_profile=profile)


def _gain_map() -> bytes:
    """Make a JPEG whose second picture is to be applied on every screen."""
    said = b'<x:xmpmeta xmlns:hdrgm="" hdrgm:Version="1.0" hdrgm:BaseRenditionIsHDR="True"/>'
    content = b"http://ns.adobe.com/xap/1.0/\x00" + said
    second = encoded(scene(seed=9), "JPEG")
    return encoded(scene(), "JPEG") + second[:2] + jpeg_segment(1, content) + second[2:]


def _alternatives() -> bytes:
    group = iso_box(b"altr", struct.pack(">5I", 0, 10, 2, 2, 1))
    return encoded(scene(), "AVIF") + iso_box(b"meta", bytes(4) + iso_box(b"grpl", group))


def _icon() -> bytes:
    """Make an AVIF whose first box is 256 bytes long, as an icon begins."""
    data = encoded(scene(), "AVIF")
    first = int.from_bytes(data[:4], "big")
    return iso_box(b"ftyp", data[8:first].ljust(248, b"\x00")) + data[first:]


def _multiplied() -> bytes:
    said = iso_box(b"iref", bytes(4) + iso_box(b"prem", struct.pack(">3H", 1, 1, 2)))
    return encoded(scene(), "AVIF") + iso_box(b"meta", bytes(4) + said)


def _film_to_players() -> bytes:
    """Make a JPEG whose first segment has the length and the beginning of a film's head."""
    data = encoded(scene(), "JPEG")
    content = b"ov".ljust(int.from_bytes(b"mo", "big") - 2, b"\x00")
    return data[:2] + b"\xff\xe0mo" + content + data[2:]


def _moves_transparent() -> bytes:
    grey = scene().convert("L")
    hidden = Image.merge("RGBA", (grey, grey, grey, grey))
    options = {"save_all": True, "append_images": [hidden.rotate(180)], "duration": 100}
    data = bytearray(encoded(hidden, "WEBP", **options))
    data[20] &= ~0x10
    return bytes(data)


def _cut() -> bytes:
    part = iso_box(b"clap", struct.pack(">8I", 8, 1, 8, 1, 0, 1, 0, 1))
    return encoded(scene(), "AVIF") + iso_box(b"meta", bytes(4) + part)


def _film_or_picture() -> bytes:
    data = encoded(scene(), "AVIF")
    return data[:8] + b"isom" + data[12:]


def _paints_over() -> bytes:
    """Make a JPEG that begins as another picture, which a slow connection shows for long."""
    first, last = (encoded(scene(seed=seed), "JPEG", progressive=True) for seed in (9, 0))
    at, begins = first.index(_SCAN), last.index(_SCAN)
    return last[:begins] + first[at : first.index(_TABLE, at)] + last[begins:]


def _some_greys() -> bytes:
    data = encoded(scene().convert("L").point(lambda level: level // 128), "GIF")
    greys = bytes(level for level in range(128) for _ in "rgb")
    return data[:10] + b"\x86\0\0" + greys + data[data.index(b"\x2c") :]


def _raw() -> bytes:
    return encoded(scene(), "TIFF", tiffinfo={50706: b"\1\4\0\0"})


def _denied_transparency() -> bytes:
    """Make a lossless WebP of a picture in the transparency of black, and clear its flag."""
    clear = Image.new("RGBA", scene().size)
    clear.putalpha(scene().convert("L"))
    data = bytearray(encoded(clear, "WEBP", lossless=True, exact=True))
    data[24] &= ~0x10
    return bytes(data)


def _begins_as_another() -> bytes:
    """Make an interlaced GIF, of which every eighth row comes first."""
    picture = np.array(scene(seed=9).convert("L"))
    picture[::8] = np.array(scene().convert("L"))[::8]
    return encoded(Image.fromarray(picture), "GIF", interlace=1)


def _png(*chunks: tuple[bytes, bytes]) -> bytes:
    data, end = encoded(scene(), "PNG"), 8 + 25  # of its header
    return data[:end] + b"".join(png_chunk(*chunk) for chunk in chunks) + data[end:]


def _bmp(runs: bytes, start: int | None = None) -> bytes:
    return bmp_of_runs(8, 2, runs, bytes(range(256)) * 4, start)


TWO_WAYS: dict[str, tuple[Callable[[], bytes], str]] = {
    "colour profile with a tag twice": (_tag_twice, _REFUSED),
    "colour profile for colours of no usual kind": (_no_usual_colours, _REFUSED),
    "JPEG with a gain map for every screen": (_gain_map, _REFUSED),
    "JPEG that paints over itself": (_paints_over, _REFUSED),
    "GIF with a table of some greys": (_some_greys, _REFUSED),
    "raw file of a camera": (_raw, _REFUSED),
    "AVIF with alternatives": (_alternatives, _REFUSED),
    "AVIF to be cut to a part": (_cut, _REFUSED),
    "AVIF that says it is a film": (_film_or_picture, _REFUSED),
    "AVIF that is an icon to browsers": (_icon, _REFUSED),
    "AVIF with colours multiplied by alpha": (_multiplied, _REFUSED),
    "JPEG that is a film to players": (_film_to_players, _REFUSED),
    "animated WebP that denies its transparency": (_moves_transparent, _REFUSED),
    "lossless WebP that denies its transparency": (_denied_transparency, "ok"),
    "interlaced GIF that begins as another picture": (_begins_as_another, "ok"),
    "PNG with a gamma beside a damaged sRGB": (
        lambda: _png((b"gAMA", struct.pack(">I", 1000)), (b"sRGB", b"\0\0")),
        _REFUSED,
    ),
    "PNG that is turned in two ways": (
        lambda: _png(*((b"eXIf", exif((0x0112, 3, 1, value))[6:]) for value in (3, 1))),
        _REFUSED,
    ),
    "BMP of runs beyond its edges": (
        lambda: _bmp(b"\x00\x09" + bytes(10) + b"\x00\x00\x08\x07\x00\x01"),
        _REFUSED,
    ),
    "BMP of runs with a row undrawn": (lambda: _bmp(b"\x00\x00\x08\x07\x00\x01"), _REFUSED),
    "BMP whose pixels begin in its table": (
        lambda: _bmp(b"\x08\x07\x00\x00\x08\x07\x00\x01", start=54),
        _REFUSED,
    ),
}
"""By what is odd: the file, and the answers that are right."""
