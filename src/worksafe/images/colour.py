"""Colours as viewers show them: what a file says of them is applied, where that changes it much."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from worksafe.errors import UndecodableImageError
from worksafe.images.cicp import level_table
from worksafe.images.profile import Way, read_code_points, read_way
from worksafe.images.resize import RgbImage

_SEEN_LEVELS = 10  # of 255, in the mean: less does not change what a detector sees
_DISPLAY_GAMMA = 2.2
_PATCH_SIDE = 6  # of a picture of 216 colours
_TILES = 6  # a picture's rows and columns of them: a change may be in a part of it

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
        If the profile is larger than any honest one, or viewers do not agree on it.
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
    profile, gamma = info.get("icc_profile"), info.get("gamma")
    profile = profile if isinstance(profile, bytes) else b""
    for table in map(level_table, {*transfers, *read_code_points(profile)}):
        if table is not None:
            yield _by_table(table)
    way = read_way(profile, inks is not None)
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


@lru_cache(maxsize=16)
def _is_plain(way: Way) -> bool:
    """Tell whether a profile changes no picture by much: curves and a matrix near those of sRGB.

    Greys of all levels tell of the curves, a few colours of the matrix.
    """
    if way.has_tables:
        return False
    greys = Image.frombytes("L", (256, 1), bytes(range(256))).convert("RGB")
    curves, matrix = _changes(way, greys), _changes(way, _patch())
    return bool(curves.max() <= _SEEN_LEVELS and matrix.mean() <= _SEEN_LEVELS)


def _changes(way: Way, picture: Image.Image) -> NDArray[np.int16]:
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
