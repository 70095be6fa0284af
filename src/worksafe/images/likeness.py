"""Whether what may be shown in a picture's place shows the same as the picture."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from worksafe.images.resize import RgbImage
from worksafe.images.scenes import mean_change, sketch

_ODD = 0.12  # of what black and white differ by, in the mean: another picture
_MIDDLE = slice(4, 12)  # of a sketch: where people look
_INNER = slice(1, 15)
_ODD_IN_PART = 0.15  # previews are sharpened; 0.09 at most without that, of 400 pictures
_PART_PX = 2  # of the sketch's sixteen: one part in 64
_SAME_SHAPE = 0.02  # previews have whole pixels, so width by height is never quite the same
_LEVELS = 255.0
_BAR_LEVELS_IN_THE_MEAN = 5.0  # 4.4 at most, of 336 previews with bars
_BAR_LEVELS = 60  # between the darkest and the brightest place of bars, after compression


def shows_what_is_hidden(thumbnail: RgbImage, picture: RgbImage) -> bool:
    """Return whether a preview shows what its picture does not, be it in a small part.

    Programs that cover a part of a picture, or cut one out, may leave the preview as it was.

    Parameters
    ----------
    thumbnail, picture : ndarray of uint8, shape (h, w, 3)
        Turned the same way. A preview may have bars, or show the middle of the picture alone.

    Returns
    -------
    bool
    """
    pairs = [(thumbnail, picture)]
    shape, shown = (one.shape[1] / one.shape[0] for one in (picture, thumbnail))
    if abs(shape / shown - 1) > _SAME_SHAPE:
        pairs.append((thumbnail, _cut_middle(picture, shown)))
        pairs += [(_cut_middle(thumbnail, shape), picture)] * _has_bars(thumbnail, shape)
    return min(_change_in_part(*pair) for pair in pairs) > _ODD_IN_PART


def _change_in_part(some: RgbImage, other: RgbImage) -> float:
    """Return how far two pictures differ in the part where they do most, 0 to 1."""
    first, second = (sketch([one])[0, _INNER, _INNER].astype(float) for one in (some, other))
    parts = sliding_window_view(np.abs(first - second).mean(axis=-1), (_PART_PX, _PART_PX))
    return float(parts.mean(axis=(-1, -2)).max()) / _LEVELS


def _cut_middle(picture: RgbImage, shape: float) -> RgbImage:
    """Cut out the middle that is so wide, by its height."""
    rows, columns = _middle(picture, shape)
    return picture[rows, columns]


def _middle(picture: RgbImage, shape: float) -> tuple[slice, slice]:
    height, width = picture.shape[:2]
    new_width, new_height = min(width, round(height * shape)), min(height, round(width / shape))
    top, left = (height - new_height) // 2, (width - new_width) // 2
    return (
        slice(top, top + max(1, new_height)),
        slice(left, left + max(1, new_width)),
    )


def _has_bars(thumbnail: RgbImage, shape: float) -> bool:
    """Return whether there is nothing to be seen beside the middle that is so wide."""
    rows, columns = _middle(thumbnail, shape)
    is_beside = np.ones(thumbnail.shape[:2], dtype=bool)
    is_beside[
        max(0, rows.start - 1) : rows.stop + 1, max(0, columns.start - 1) : columns.stop + 1
    ] = False
    beside = thumbnail[is_beside].astype(int)
    if not beside.size or np.ptp(beside, axis=0).max() >= _BAR_LEVELS:
        return False
    from_middle = np.abs(beside - np.median(beside, axis=0)).mean(axis=0)
    return bool(from_middle.max() < _BAR_LEVELS_IN_THE_MEAN)


def shows_something_else(other: RgbImage, picture: RgbImage) -> bool:
    """Return whether what may be shown in a picture's place is another picture.

    Parameters
    ----------
    other, picture : ndarray of uint8, shape (h, w, 3)
        Turned the same way.

    Returns
    -------
    bool
    """
    some, its = (sketch([image]) for image in (other, picture))
    middle = mean_change(some[:, _MIDDLE, _MIDDLE], its[:, _MIDDLE, _MIDDLE])
    return max(float(mean_change(some, its)), float(middle)) > _ODD
