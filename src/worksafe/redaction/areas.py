"""From scores to the areas of a picture that show a label."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worksafe.images.heat import spread
from worksafe.results import Box, Region, Scores

WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
_LEAST_MARGIN_PX = 2


@dataclass(frozen=True, slots=True)
class Reach:
    """How far an area goes beyond the surest part of what was found.

    Attributes
    ----------
    margin : float
        Around a region, as a share of its sides: detectors cut close.
    hot : float
        A place of a map is covered from this share of the way from the coldest to the hottest on.
    """

    margin: float
    hot: float


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """A part of a picture that is to be covered.

    Attributes
    ----------
    label : str
        The ``category.label`` that is shown there.
    box : tuple of float
        x, y, width, height, as fractions of the picture.
    mask : ndarray of bool, shape (h, w), or None
        Over the box in pixels: which of them; None for all.
    """

    label: str
    box: Box
    mask: NDArray[np.bool_] | None = None

    @property
    def share(self) -> float:
        """How much of the picture is covered, 0 to 1."""
        return self.box[2] * self.box[3] * (1.0 if self.mask is None else float(self.mask.mean()))

    def pixels(self, width: int, height: int) -> tuple[slice, slice]:
        """Return which rows and columns of a picture of this size are in the box."""
        x, y, w, h = self.box
        return (
            slice(round(y * height), max(round((y + h) * height), round(y * height) + 1)),
            slice(round(x * width), max(round((x + w) * width), round(x * width) + 1)),
        )


def find_areas(
    scores: Scores, labels: Collection[str], reach: Reach, width: int, height: int
) -> list[Area]:
    """Find where labels are shown.

    Parameters
    ----------
    scores : Scores
        With regions, and with maps.
    labels : collection of str
        Which, each a ``category.label``.
    reach : Reach
        How much around what was found is covered too.
    width, height : int
        Of the picture, in pixels.

    Returns
    -------
    list of Area
        A label's regions; of one that has none the hot area of its map; of one that has neither
        the whole picture.
    """
    found = [
        Area(region.label, _with_margin(region, reach.margin, width, height))
        for region in scores.regions
        if region.label in labels
    ]
    for label in sorted(set(labels) - {area.label for area in found}):
        places = scores.maps.get(label)
        mask = None if places is None else spread(places, width, height) >= reach.hot * 255
        if mask is None or not mask.any():  # a flat map is hot nowhere
            found.append(Area(label, WHOLE))
        else:
            found.append(_cut(label, mask))
    return found


def _with_margin(region: Region, margin: float, width: int, height: int) -> Box:
    x, y, w, h = region.box
    across = max(margin * w, _LEAST_MARGIN_PX / width)
    down = max(margin * h, _LEAST_MARGIN_PX / height)
    left, top = max(0.0, x - across), max(0.0, y - down)
    right, bottom = min(1.0, x + w + across), min(1.0, y + h + down)
    return left, top, right - left, bottom - top


def _cut(label: str, mask: NDArray[np.bool_]) -> Area:
    """Cut a mask over the whole picture down to the box around it."""
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    left, right = int(columns[0]), int(columns[-1]) + 1
    box = (left / width, top / height, (right - left) / width, (bottom - top) / height)
    return Area(label, box, mask[top:bottom, left:right])
