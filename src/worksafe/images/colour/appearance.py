"""Colours as viewers show them: what a file says of them is applied, where that changes it much."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from worksafe.errors import UndecodableImageError
from worksafe.images.colour.cicp import XYZ_PRIMARIES, CodePoints, level_table
from worksafe.images.colour.profile import (
    GENTLE,
    STEEPEST,
    ProfileTransform,
    read_code_points,
    read_transform,
)
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
    code_points: Iterable[CodePoints],
    inks: Image.Image | None,
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
    code_points : iterable of CodePoints
        That the file says, by `cicp.read_code_points`.
    inks : PIL.Image.Image or None
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
    for change in _changes_of(info, code_points, inks):
        shown = change.apply(picture)
        if not change.is_gentle or _differ(shown, picture):
            yield shown
    yield picture


def refuse_torn_profile(image: Image.Image) -> None:
    """Refuse a picture whose profile is not in one piece: some readers apply it, others do not.

    Parameters
    ----------
    image : PIL.Image.Image
        Open.

    Raises
    ------
    UndecodableImageError
        If the decoder found a profile that it could not unpack; or if a JPEG's segments of it are
        not one to the last, each once, or the decoder has not all.
    """
    if image.info.get("icc_profile", b"") is None:
        raise UndecodableImageError("the colour profile is torn or damaged")
    if not isinstance(image, JpegImageFile):
        return
    head = len(_ICC_MARK) + 2
    parts = [
        data
        for name, data in image.applist
        if name == "APP2" and data.startswith(_ICC_MARK) and len(data) >= head
    ]
    marks = [(data[head - 2], data[head - 1]) for data in parts]
    if marks and sorted(marks) != [(number, len(marks)) for number in range(1, len(marks) + 1)]:
        raise UndecodableImageError("the jpeg has a torn colour profile")
    read = image.info.get("icc_profile") or b""
    if marks and len(read) != sum(len(data) - head for data in parts):
        raise UndecodableImageError("the jpeg has a torn colour profile, in part late in its head")


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


@dataclass(frozen=True, slots=True)
class _Change:
    """What may change a picture; what is gentle counts only where that is by much."""

    apply: Apply
    is_gentle: bool


def _changes_of(
    info: Mapping[Any, Any], code_points: Iterable[CodePoints], inks: Image.Image | None
) -> Iterator[_Change]:
    """Find what may change a picture; what certainly changes none by much is left out."""
    profile, gamma = info.get("icc_profile"), info.get("gamma")
    profile = profile if isinstance(profile, bytes) else b""
    yield from _by_code_points({*code_points, *read_code_points(profile)})
    transform = read_transform(profile, inks is not None)
    if transform is not None:
        if inks is not None:
            yield _Change(lambda _: transform.apply(inks), transform.is_gentle)
        elif not _is_plain(transform):
            yield _Change(transform.apply, transform.is_gentle)
    # Beside a profile, too: not all readers take the same ones for profiles.
    if isinstance(gamma, float) and gamma > 0 and "srgb" not in info:
        table = _gamma_table(gamma)
        if table is not None:
            yield _by_table(table)


def _by_code_points(code_points: Iterable[CodePoints]) -> Iterator[_Change]:
    said = list(code_points)
    if any(one.primaries == XYZ_PRIMARIES for one in said):
        raise UndecodableImageError("the colours are said to be XYZ, which few viewers know")
    tables = {level_table(one.transfer) for one in said}
    yield from (_by_table(table) for table in tables if table is not None)


def _differ(shown: Image.Image, stored: Image.Image) -> bool:
    """Return whether a picture changed much in any part of it."""
    tiles = zip(_tiles(shown), _tiles(stored), strict=True)
    return any(_apart(one, other).mean() > _SEEN_LEVELS for one, other in tiles if one.size)


def _tiles(picture: Image.Image) -> Iterator[RgbImage]:
    for rows in np.array_split(np.asarray(picture), _TILES):
        yield from np.array_split(rows, _TILES, axis=1)


@lru_cache(maxsize=16)
def _is_plain(transform: ProfileTransform) -> bool:
    """Return whether a profile changes no picture by much: curves and a matrix near those of sRGB.

    Greys of all levels tell of the curves, a few colours of the matrix.
    """
    if transform.has_tables or not transform.is_gentle:
        return False
    greys = Image.frombytes("L", (256, 1), bytes(range(256))).convert("RGB")
    curves, matrix = _changes(transform, greys), _changes(transform, _patch())
    return bool(curves.max() <= _SEEN_LEVELS and matrix.mean() <= _SEEN_LEVELS)


def _changes(transform: ProfileTransform, picture: Image.Image) -> NDArray[np.int16]:
    before = np.asarray(picture.convert(transform.mode).convert("RGB"))
    return _apart(np.asarray(transform.apply(picture)), before)


def _apart(some: RgbImage, other: RgbImage) -> NDArray[np.int16]:
    apart: NDArray[np.int16] = np.abs(np.subtract(some, other, dtype=np.int16))
    return apart


def _patch() -> Image.Image:
    levels = [255 * i // (_PATCH_SIDE - 1) for i in range(_PATCH_SIDE)]
    colours = bytes(part for r in levels for g in levels for b in levels for part in (r, g, b))
    return Image.frombytes("RGB", (_PATCH_SIDE**2, _PATCH_SIDE), colours)


def _by_table(table: tuple[int, ...]) -> _Change:
    """Change levels by a table, which no honest file has steeper than that of straight light."""
    steepest = max(abs(after - before) for before, after in itertools.pairwise(table))
    if steepest > STEEPEST:
        raise UndecodableImageError("the levels are said to be shown far apart from each other")
    return _Change(lambda picture: picture.point(list(table) * 3), steepest <= GENTLE)


@lru_cache(maxsize=64)
def _gamma_table(gamma: float) -> tuple[int, ...] | None:
    """Levels for a display, as the PNG specification has it; None where all change little."""
    exponent = 1 / (gamma * _DISPLAY_GAMMA)
    table = tuple(round(255 * (level / 255) ** exponent) for level in range(256))
    most = max(abs(level - shown) for level, shown in enumerate(table))
    return table if most > _SEEN_LEVELS else None
