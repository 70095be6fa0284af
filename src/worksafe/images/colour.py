"""Colours as viewers show them: what a file says of them is applied, where that changes it much."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile

from worksafe.errors import UndecodableImageError
from worksafe.images.cicp import level_table
from worksafe.images.resize import RgbImage

_SEEN_LEVELS = 10  # of 255, in the mean: less does not change what a detector sees
_DISPLAY_GAMMA = 2.2
_PATCH_SIDE = 6  # of a picture of 216 colours
_TILES = 6  # a picture's rows and columns of them: a change may be in a part of it
_MAX_PROFILE_BYTES = 2 * 1024**2
_MODES_BY_SPACE = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}
_CLASS, _SPACE = slice(12, 16), slice(16, 20)  # of a profile, as the ICC's specification has it
_DISPLAY = b"mntr"
_TABLES = (b"A2B", b"D2B")  # of tags that give any colour any other

_ICC_MARK = b"ICC_PROFILE\x00"  # then a segment's number, and how many there are
_BMP_HEADER_AT = 14
_BMP_COLOURS_AT, _BMP_EMBEDDED = 70, b"DEBM"
_BMP_PROFILE_AT = (126, 130)  # where its place, from the header on, and its length stand

Apply = Callable[[Image.Image], Image.Image]


def as_shown(
    picture: Image.Image,
    info: Mapping[Any, Any],
    transfers: Iterable[int] = (),
    inks: Image.Image | None = None,
) -> Iterator[Image.Image]:
    """Apply what a file says about its colours, where that makes a difference.

    There the picture is given as it is stored, too: what ignores profiles, code points or gamma,
    as many a thumbnailer does, shows that one.

    Parameters
    ----------
    picture : PIL.Image.Image
        RGB.
    info : mapping
        What the file says: ``icc_profile``, ``gamma`` and ``srgb``, as Pillow names them.
    transfers : iterable of int, optional
        The transfer characteristics that it says, by `cicp.read_transfers`.
    inks : PIL.Image.Image, optional
        The same picture in CMYK, if that is how it is stored.

    Yields
    ------
    PIL.Image.Image
        RGB; the same picture alone where nothing has to change, or nothing that is said makes
        sense.

    Raises
    ------
    UndecodableImageError
        If the profile is larger than any honest one.
    """
    for apply in _ways(info, transfers, inks):
        shown = apply(picture)
        if _differ(shown, picture):
            yield shown
    yield picture


def refuse_torn_profile(image: JpegImageFile) -> None:
    """Refuse a JPEG whose profile is not in one piece: browsers apply some of it, others none.

    Parameters
    ----------
    image : JpegImageFile
        Open.

    Raises
    ------
    UndecodableImageError
        If the profile's segments are not one to the last, each once.
    """
    marks = [
        (data[len(_ICC_MARK)], data[len(_ICC_MARK) + 1])
        for name, data in image.applist
        if name == "APP2" and data.startswith(_ICC_MARK) and len(data) > len(_ICC_MARK) + 1
    ]
    if marks and sorted(marks) != [(number, len(marks)) for number in range(1, len(marks) + 1)]:
        raise UndecodableImageError("the jpeg has a torn colour profile")


def read_bmp_profile(data: bytes) -> bytes | None:
    """Find the colour profile in a BMP.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    bytes or None
    """
    if data[_BMP_COLOURS_AT : _BMP_COLOURS_AT + 4] != _BMP_EMBEDDED:
        return None
    at, size = (int.from_bytes(data[p : p + 4], "little") for p in _BMP_PROFILE_AT)
    return data[_BMP_HEADER_AT + at :][:size]


def _ways(
    info: Mapping[Any, Any], transfers: Iterable[int], inks: Image.Image | None
) -> Iterator[Apply]:
    """Find what may change a picture; what certainly changes none by much is left out."""
    for table in map(level_table, transfers):
        if table is not None:
            yield _by_table(table)
    profile, gamma = info.get("icc_profile"), info.get("gamma")
    way = _way(profile, inks is not None) if isinstance(profile, bytes) else None
    if way is not None:
        if inks is not None:
            yield lambda _: way.apply(inks)
        elif not _is_plain(way):
            yield way.apply
    elif isinstance(gamma, float) and "srgb" not in info and gamma > 0:
        table = _gamma_table(gamma)
        if table is not None:
            yield _by_table(table)


def _differ(shown: Image.Image, stored: Image.Image) -> bool:
    """Tell whether a picture changed much in any part of it."""
    tiles = zip(_tiles(shown), _tiles(stored), strict=True)
    return any(_apart(one, other).mean() > _SEEN_LEVELS for one, other in tiles if one.size)


def _tiles(picture: Image.Image) -> Iterator[RgbImage]:
    for rows in np.array_split(np.asarray(picture), _TILES):
        yield from np.array_split(rows, _TILES, axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """From a profile's colours to sRGB."""

    transform: ImageCms.ImageCmsTransform
    mode: str
    has_tables: bool

    def apply(self, picture: Image.Image) -> Image.Image:
        stored = picture.convert(self.mode)  # grey that was made RGB becomes grey again
        applied = ImageCms.applyTransform(stored, self.transform)
        assert applied is not None  # noqa: S101 - only None when converting in place
        return applied


def _way(profile: bytes, is_cmyk: bool) -> _Way | None:
    """Read a profile; None where it is damaged, or for pictures of another kind."""
    mode = _MODES_BY_SPACE.get(profile[_SPACE])
    if mode is None or (mode == "CMYK") != is_cmyk:
        return None
    if len(profile) > _MAX_PROFILE_BYTES:
        msg = f"the colour profile has more than {_MAX_PROFILE_BYTES // 1024**2} MiB"
        raise UndecodableImageError(msg)
    return _built(profile, mode)


@lru_cache(maxsize=16)
def _built(profile: bytes, mode: str) -> _Way | None:
    """Build the way to sRGB; browsers apply profiles of classes that the library refuses, too."""
    has_tables = any(name in profile for name in _TABLES)
    # By itself the library makes coarser tables of fine ones.
    flags = ImageCms.Flags.NOOPTIMIZE if has_tables else ImageCms.Flags.NONE
    srgb = ImageCms.createProfile("sRGB")
    for one in (profile, profile[: _CLASS.start] + _DISPLAY + profile[_CLASS.stop :]):
        try:
            read = ImageCms.ImageCmsProfile(io.BytesIO(one))
            transform = ImageCms.buildTransform(read, srgb, mode, "RGB", flags=flags)
        except Exception:  # noqa: BLE001, S112 - a damaged one
            continue
        return _Way(transform, mode, has_tables)
    return None


@lru_cache(maxsize=16)
def _is_plain(way: _Way) -> bool:
    """Tell whether a profile changes no picture by much: curves and a matrix near those of sRGB.

    Greys of all levels tell of the curves, a few colours of the matrix.
    """
    if way.has_tables:
        return False
    greys = Image.frombytes("L", (256, 1), bytes(range(256))).convert("RGB")
    curves, matrix = _changes(way, greys), _changes(way, _patch())
    return bool(curves.max() <= _SEEN_LEVELS and matrix.mean() <= _SEEN_LEVELS)


def _changes(way: _Way, picture: Image.Image) -> NDArray[np.int16]:
    before = np.asarray(picture.convert(way.mode).convert("RGB"))
    return _apart(np.asarray(way.apply(picture)), before)


def _apart(some: RgbImage, other: RgbImage) -> NDArray[np.int16]:
    apart: NDArray[np.int16] = np.abs(np.subtract(some, other, dtype=np.int16))
    return apart


def _patch() -> Image.Image:
    levels = [255 * i // (_PATCH_SIDE - 1) for i in range(_PATCH_SIDE)]
    colours = bytes(part for r in levels for g in levels for b in levels for part in (r, g, b))
    return Image.frombytes("RGB", (_PATCH_SIDE**2, _PATCH_SIDE), colours)


def _by_table(table: tuple[int, ...]) -> Apply:
    return lambda picture: picture.point(list(table) * 3)


@lru_cache(maxsize=64)
def _gamma_table(gamma: float) -> tuple[int, ...] | None:
    """Levels for a display, as the PNG specification has it; None where all change little."""
    exponent = 1 / (gamma * _DISPLAY_GAMMA)
    table = tuple(round(255 * (level / 255) ** exponent) for level in range(256))
    most = max(abs(level - shown) for level, shown in enumerate(table))
    return table if most > _SEEN_LEVELS else None
