"""A heat map as a picture to lay over the one that it is about."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worksafe.images.heat import spread
from worksafe.results import HeatMap

_LONGEST_PX = 256  # the map itself has a dozen places a side
# Red, green, blue and opacity at shares of the way to the hottest place. The lower half shows the
# picture alone.
_AT = (0.0, 0.45, 0.6, 0.75, 1.0)
_COLOURS = np.array(
    [(60, 0, 120, 0), (60, 0, 120, 0), (60, 0, 120, 70), (225, 40, 40, 125), (255, 225, 0, 175)],
    dtype=np.float64,
)


def colour(heat: NDArray[np.uint8]) -> Image.Image:
    """Colour a spread map.

    Parameters
    ----------
    heat : ndarray of uint8, shape (h, w)
        From `images.heat.spread`.

    Returns
    -------
    PIL.Image.Image
        RGBA; cold places are transparent.
    """
    levels = np.linspace(0, 1, 256)
    table = np.stack([np.interp(levels, _AT, channel) for channel in _COLOURS.T], axis=1)
    return Image.fromarray(table.round().astype(np.uint8)[heat])


def data_url(places: HeatMap, width: int, height: int) -> str:
    """Write a map as a data URL.

    Parameters
    ----------
    places : HeatMap
        Of a label.
    width, height : int
        Of the picture that it is about, whose shape it gets.

    Returns
    -------
    str
        ``data:image/png;base64,...``, to be stretched over the picture.
    """
    scale = min(1.0, _LONGEST_PX / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    file = io.BytesIO()
    colour(spread(places, *size)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
