"""Which frames of an animation are looked at, so that what a single one shows cannot hide."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worksafe.images.resize import RgbImage

Sketch = NDArray[np.int16]
_Cells = NDArray[np.floating]

_SKETCH_PX = 16
_CELL_PX = 4  # of the picture that detail is taken from, for each place of the sketch
_DETAIL_WEIGHT = 4.0
_WHOLE_SHARE = 0.4  # how far a change of one sixteenth counts as one of the whole
_BLOCK_PX = 4  # of the sketch: differences count for a sixteenth of the picture at a time
_SAME = 0.03  # what dithering and compression change
_LEVELS = 255.0


def sketch(pictures: Sequence[RgbImage]) -> Sketch:
    """Draw a frame very small, to compare it with others.

    Parameters
    ----------
    pictures : sequence of ndarray of uint8, shape (h, w, 3)
        The frame: one picture, or two where it is see-through.

    Returns
    -------
    ndarray of int16, shape (2, 16, 16, 4)
        0 to 255, whatever the frame's own shape: red, green, blue, and how much detail is there,
        so that a picture and a mosaic or a blur of it are not the same.
    """
    drawn = [_draw(picture) for picture in pictures]
    return np.stack([drawn[0], drawn[-1]])


def _draw(picture: RgbImage) -> Sketch:
    side = _SKETCH_PX * _CELL_PX
    larger = Image.fromarray(picture).resize((side, side), Image.Resampling.BOX)
    cells = np.asarray(larger, dtype=np.float32).reshape(
        _SKETCH_PX, _CELL_PX, _SKETCH_PX, _CELL_PX, 3
    )
    grey = (cells[..., 0] + cells[..., 1] + cells[..., 2]) / 3
    variance = _cell_means(np.square(grey)) - np.square(_cell_means(grey))
    spread = np.sqrt(np.maximum(variance, 0))
    drawn = np.concatenate([_cell_means(cells), _DETAIL_WEIGHT * spread[..., None]], axis=2)
    sketched: Sketch = np.clip(drawn, 0, _LEVELS).astype(np.int16)
    return sketched


def _cell_means(cells: _Cells) -> _Cells:
    """Average cells, (16, 4, 16, 4, ...); an axis at a time, a third of `numpy.mean`'s time."""
    means: _Cells = cells.sum(axis=1).sum(axis=2) / _CELL_PX**2
    return means


def largest_change(some: Sketch, other: Sketch) -> NDArray[np.float64]:
    """Tell how far frames differ where they differ most, a sixteenth of the picture at a time.

    Parameters
    ----------
    some, other : ndarray of int16, shape (..., 2, 16, 16, 4)
        Sketches; either may be many.

    Returns
    -------
    ndarray of float64
        0 to 1, one for each pair.
    """
    change = np.abs(some - other).mean(axis=-1)
    blocks = _SKETCH_PX // _BLOCK_PX
    shape = (*change.shape[:-2], blocks, _BLOCK_PX, blocks, _BLOCK_PX)
    by_block = change.reshape(shape).mean(axis=(-1, -3))
    largest: NDArray[np.float64] = by_block.max(axis=(-1, -2, -3)) / _LEVELS
    return largest


def mean_change(some: Sketch, other: Sketch) -> NDArray[np.float64]:
    """Tell how far frames differ over the whole picture; arguments and result as the above."""
    mean: NDArray[np.float64] = np.abs(some - other).mean(axis=(-1, -2, -3, -4)) / _LEVELS
    return mean


def change(some: Sketch, other: Sketch) -> NDArray[np.float64]:
    """Tell how far frames differ: over the whole picture, or more in a part of it; as the above."""
    in_part = _WHOLE_SHARE * largest_change(some, other)
    larger: NDArray[np.float64] = np.maximum(mean_change(some, other), in_part)
    return larger


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    frame: int
    drawn: Sketch


class SceneChooser:
    """Chooses frames, passed one by one, such that every frame resembles a chosen one.

    The frames nearest to each other give way once there are too many, so a frame unlike all
    others always stays: clustering around k centres, in one pass, as in [1]_.

    Parameters
    ----------
    most : int
        Frames to choose at most.

    References
    ----------
    .. [1] Charikar et al., "Incremental clustering and dynamic information retrieval", 1997.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._same = _SAME
        self._kept: list[_Kept] = []
        self._seen: set[bytes] = set()  # sketches, which loops repeat
        self._gave_way = False

    def offer(self, frame: int, pictures: Sequence[RgbImage]) -> int | None:
        """Pass the next frame.

        Parameters
        ----------
        frame : int
            Its number.
        pictures : sequence of ndarray of uint8, shape (h, w, 3)
            What it shows; one, or two where it is see-through.

        Returns
        -------
        int or None
            The frame that gives way to it, which may be itself; None where none has to.
        """
        drawn = sketch(pictures)
        as_bytes = drawn.astype(np.uint8).tobytes()
        if as_bytes in self._seen:
            return frame
        self._seen.add(as_bytes)
        if self._kept and self._distances(drawn).min() <= self._same:
            return frame
        self._kept.append(_Kept(frame, drawn))
        return self._drop_nearest() if len(self._kept) > self._most else None

    def _distances(self, drawn: Sketch) -> NDArray[np.float64]:
        return largest_change(np.stack([kept.drawn for kept in self._kept]), drawn)

    def _drop_nearest(self) -> int:
        """Drop the later one of the two frames that are most alike."""
        self._gave_way = True
        drawn = np.stack([kept.drawn for kept in self._kept])
        between = largest_change(drawn[:, None], drawn[None])
        between[np.triu_indices(len(drawn))] = np.inf
        later, _ = np.unravel_index(between.argmin(), between.shape)
        self._same = max(self._same, float(between.min()))
        return self._kept.pop(int(later)).frame

    @property
    def unseen(self) -> float:
        """How far the frame that is least like any chosen one differs from it, 0 to 1."""
        if not self._gave_way:
            return 0.0
        chosen = np.stack([kept.drawn for kept in self._kept])
        seen = (np.frombuffer(one, np.uint8).reshape(chosen[0].shape) for one in self._seen)
        return max(float(change(chosen, drawn.astype(np.int16)).min()) for drawn in seen)
