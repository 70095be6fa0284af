"""Covering areas of a picture, such that what was there cannot be told any more."""

from collections.abc import Callable, Iterable
from typing import get_args

import numpy as np
from PIL import Image

from worksafe.choices import Method
from worksafe.images.resize import RgbImage
from worksafe.redaction.areas import Area

# All that is left of an area, along its longer side. A blur is a smooth enlargement of as few:
# a filter that only softens can be undone.
_CELLS = 8
_LEAST_CELL_PX = 4  # of a small area fewer are left


def pixelate(part: RgbImage) -> RgbImage:
    """Enlarge a few large squares."""
    return _coarse(part, Image.Resampling.NEAREST)


def blur(part: RgbImage) -> RgbImage:
    """Enlarge as few squares smoothly."""
    return _coarse(part, Image.Resampling.BICUBIC)


def blacken(part: RgbImage) -> RgbImage:
    """Leave nothing."""
    return np.zeros_like(part)


METHODS: dict[str, Callable[[RgbImage], RgbImage]] = dict(
    zip(get_args(Method), (blur, pixelate, blacken), strict=True)
)


def cover(image: RgbImage, areas: Iterable[Area], method: Method) -> RgbImage:
    """Cover areas; no other pixel changes.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w, 3)
        Left as it is.
    areas : iterable of Area
        What to cover, in order.
    method : {"blur", "pixelate", "box"}
        With what.

    Returns
    -------
    ndarray of uint8, shape (h, w, 3)
    """
    covered = image.copy()
    height, width = image.shape[:2]
    for area in areas:
        part = covered[area.pixels(width, height)]
        replaced = METHODS[method](part)
        if area.mask is None:
            part[...] = replaced
        else:
            np.copyto(part, replaced, where=area.mask[..., None])
    return covered


def _coarse(part: RgbImage, way_back: Image.Resampling) -> RgbImage:
    height, width = part.shape[:2]
    longer = max(width, height)
    scale = max(1, min(_CELLS, longer // _LEAST_CELL_PX)) / longer
    cells = (max(1, round(width * scale)), max(1, round(height * scale)))
    few = Image.fromarray(np.ascontiguousarray(part)).resize(cells, Image.Resampling.BOX)
    return np.asarray(few.resize((width, height), way_back))
