"""The parts of a picture that are to be looked at like pictures of their own.

A network sees a picture at a few hundred pixels, and as one scene. Of a long screenshot, or of one
picture joined to others, it finds next to nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from worksafe.images.collage import NARROWEST_PX, Window, find_pictures
from worksafe.images.digest import digest
from worksafe.images.resize import RgbImage

if TYPE_CHECKING:
    from worksafe.results import Box  # which a process that decodes does without

# Times as long as wide: telephones' screens are up to 2.4, and seen well enough as a whole.
LONG = 2.5
_STEP = 2 / 3  # from one square to the next, of a side: what lies across an edge is whole in one
_MOST = 16  # of a picture; of one that is longer still they are no squares any more
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
    """Return whether a picture of this shape is to be looked at in parts."""
    return max(width, height) > LONG * min(width, height) >= LONG * NARROWEST_PX


def side_for_parts(width: int, height: int, side_px: int) -> int:
    """Return how long a picture's longest side has to stay.

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
    """Cut a picture that shows more than one look sees into parts.

    Parameters
    ----------
    picture : ndarray of uint8, shape (h, w, 3)
        Any.
    seen_px : int
        The longest side at which it is seen as a whole, in pixels.

    Returns
    -------
    list of Part
        Of a long picture squares from its beginning to its end, 16 at most, each overlapping the
        next, unless the whole is seen at half of its size or more; of one that was joined from
        others those, unless the whole is seen at its size. Empty for any other.
    """
    height, width = picture.shape[:2]
    windows: Sequence[Window] = []
    if is_long(width, height):
        if max(width, height) > 2 * seen_px:
            windows = _squares(width, height)
    elif max(width, height) > seen_px:
        windows = find_pictures(picture)
    return [Part(picture[one], _box(one, width, height)) for one in windows]


def _squares(width: int, height: int) -> list[Window]:
    long_px, short_px = max(width, height), min(width, height)
    count = min(_MOST, math.ceil((long_px / short_px - 1) / _STEP) + 1)
    length = max(short_px, math.ceil(long_px / (1 + (count - 1) * _STEP)))
    starts = [round(start) for start in np.linspace(0, long_px - length, count)]
    along, across = [slice(start, start + length) for start in starts], slice(0, short_px)
    return [(one, across) if height > width else (across, one) for one in along]


def _box(window: Window, width: int, height: int) -> "Box":
    rows, columns = window
    return (
        columns.start / width,
        rows.start / height,
        (columns.stop - columns.start) / width,
        (rows.stop - rows.start) / height,
    )
