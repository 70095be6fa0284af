"""The parts of a long picture: squares along it, each to be looked at like a picture of its own.

A network sees a picture at a few hundred pixels. Of a long screenshot, or of several pictures
joined one below the other, next to nothing is left at that size.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from worksafe.images.digest import digest
from worksafe.images.resize import RgbImage

if TYPE_CHECKING:
    from worksafe.results import Box  # which a process that decodes does without

LONG = (
    2.5  # times as long as wide: telephones' screens are up to 2.4, and seen well enough as a whole
)
_STEP = 2 / 3  # from one square to the next, of a side: what lies across an edge is whole in one
_MOST = 16  # of a picture; of one that is longer still they are no squares any more
_NARROWEST_PX = 32  # there is nothing to be seen in less
_KEY_BYTES = 16


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A part of a picture.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (h, w, 3)
        A window into the picture's own.
    box : Box
        Where it lies: x, y, width, height, as fractions of the picture.
    """

    pixels: RgbImage
    box: "Box"

    @property
    def key(self) -> bytes:
        """The same for parts that show the same, wherever they lie."""
        return digest(self.pixels, _KEY_BYTES)


def is_long(width: int, height: int) -> bool:
    """Tell whether a picture of this shape is to be looked at in parts."""
    return max(width, height) > LONG * min(width, height) >= LONG * _NARROWEST_PX


def side_for_parts(width: int, height: int, side_px: int) -> int:
    """Tell how long a picture's longest side has to stay.

    Parameters
    ----------
    width, height : int
        Of the picture, in pixels.
    side_px : int
        The longest side that is wanted of a picture that is looked at as a whole, in pixels.

    Returns
    -------
    int
        The same; of a long picture so much that its parts have it.
    """
    if not is_long(width, height):
        return side_px
    return math.ceil(side_px * max(width, height) / min(width, height))


def cut_into_parts(picture: RgbImage, seen_px: int) -> list[Part]:
    """Cut a long picture into parts.

    Parameters
    ----------
    picture : ndarray of uint8, shape (h, w, 3)
        Any.
    seen_px : int
        The longest side at which it is seen as a whole, in pixels.

    Returns
    -------
    list of Part
        From its beginning to its end, 16 at most, each overlapping the next; empty for a picture
        that is not long, or of which the whole is seen at half of its size or more.
    """
    height, width = picture.shape[:2]
    long_px, short_px = max(width, height), min(width, height)
    if not is_long(width, height) or long_px <= 2 * seen_px:
        return []
    count = min(_MOST, math.ceil((long_px / short_px - 1) / _STEP) + 1)
    length = max(short_px, math.ceil(long_px / (1 + (count - 1) * _STEP)))
    starts = [round(start) for start in np.linspace(0, long_px - length, count)]
    at, share = [start / long_px for start in starts], length / long_px
    if height > width:
        return [
            Part(picture[start : start + length], (0.0, y, 1.0, share))
            for start, y in zip(starts, at, strict=True)
        ]
    return [
        Part(picture[:, start : start + length], (x, 0.0, share, 1.0))
        for start, x in zip(starts, at, strict=True)
    ]
