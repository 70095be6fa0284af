"""A heat map over a picture's pixels."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worksafe.results import HeatMap


def spread(places: HeatMap, width: int, height: int) -> NDArray[np.uint8]:
    """Spread a map over a picture, each place smoothed by those around it.

    Single places of a vision transformer's map stand out where nothing is, mostly at the edge.

    Parameters
    ----------
    places : HeatMap
        Rows of any numbers; higher is hotter.
    width, height : int
        Of the picture, in pixels.

    Returns
    -------
    ndarray of uint8, shape (height, width)
        0 for the coldest place to 255 for the hottest; all 0 where no place differs.
    """
    values = _smooth(np.array(places, dtype=np.float64))
    low, high = values.min(), values.max()
    share = (values - low) / (high - low) if high > low else np.zeros_like(values)
    levels = Image.fromarray((255 * share).round().astype(np.uint8))
    return np.asarray(levels.resize((width, height), Image.Resampling.BICUBIC))


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weigh each place twice as much as its neighbours; beyond the edge lies the mean."""
    padded = np.pad(values, 1, constant_values=float(values.mean()))
    rows = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    smoothed: NDArray[np.float64] = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4
    return smoothed
