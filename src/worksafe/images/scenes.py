"""Which frames of an animation are looked at, so that what a single one shows cannot hide."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worksafe.images.resize import RgbImage

Sketch = NDArray[np.int16]
Measure = Callable[[Sketch, Sketch], NDArray[np.float64]]
_Cells = NDArray[np.floating]

_SKETCH_PX = 16
_CELL_PX = 4  # of the picture that detail is taken from, for each place of the sketch
_DETAIL_WEIGHT = 4.0  # beside colours: neighbours differ by a few levels where there is detail
_WHOLE_SHARE = 0.4  # how far a change of one sixteenth counts as one of the whole
_BLOCK_PX = 4  # of the sketch: differences count for a sixteenth of the picture at a time
_SAME = 0.03  # what dithering and compression change
_LEVELS = 255.0


def sketch(pictures: Sequence[RgbImage]) -> Sketch:
    """Draw a frame very small, to compare it with others.

    Parameters
    ----------
    pictures : sequence of ndarray of uint8, shape (h, w, 3)
        The frame: one picture, or several where viewers show different ones.

    Returns
    -------
    ndarray of int16, shape (pictures, 16, 16, 4)
        0 to 255, whatever the frame's own shape: red, green, blue, and how much detail is there,
        so that a picture and a mosaic or a blur of it are not the same.
    """
    return np.stack([_draw(picture) for picture in pictures])


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
    """Return how far frames differ where they differ most, a sixteenth of the picture at a time.

    Parameters
    ----------
    some, other : ndarray of int16, shape (..., pictures, 16, 16, 4)
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
    """Return how far frames differ over the whole picture; arguments and result as the above."""
    mean: NDArray[np.float64] = np.abs(some - other).mean(axis=(-1, -2, -3, -4)) / _LEVELS
    return mean


def change(some: Sketch, other: Sketch) -> NDArray[np.float64]:
    """Return how far frames differ: over the whole picture, or more in a part; as the above."""
    in_part = _WHOLE_SHARE * largest_change(some, other)
    larger: NDArray[np.float64] = np.maximum(mean_change(some, other), in_part)
    return larger


def _together(sketches: Sequence[Sketch]) -> Sketch:
    """Stack sketches of one picture or of several, the last standing for those that it lacks."""
    most = max(map(len, sketches))
    return np.stack([one[np.minimum(np.arange(most), len(one) - 1)] for one in sketches])


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
        self._between = np.empty((0, 0))  # of those kept, each and the ones before it
        self._seen: set[bytes] = set()  # sketches, which loops repeat
        self._gave_way = False

    def offer(self, frame: int, pictures: Sequence[RgbImage]) -> int | None:
        """Pass the next frame.

        Parameters
        ----------
        frame : int
            Its number.
        pictures : sequence of ndarray of uint8, shape (h, w, 3)
            What it shows; several where viewers show different ones.

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
        distances = self._compare(drawn, largest_change)
        if distances.size and distances.min() <= self._same:
            return frame
        self._kept.append(_Kept(frame, drawn))
        self._between = np.pad(self._between, [(0, 1), (0, 1)], constant_values=np.inf)
        self._between[-1, :-1] = distances
        return self._drop_nearest() if len(self._kept) > self._most else None

    def _drop_nearest(self) -> int:
        """Drop the later one of the two frames that are most alike."""
        self._gave_way = True
        later, _ = np.unravel_index(self._between.argmin(), self._between.shape)
        self._same = max(self._same, float(self._between.min()))
        for axis in (0, 1):
            self._between = np.delete(self._between, later, axis)
        return self._kept.pop(int(later)).frame

    @property
    def unseen(self) -> float:
        """How far the frame that is least like any chosen one differs from it, 0 to 1."""
        if not self._gave_way:
            return 0.0
        shape = (-1, *self._kept[0].drawn.shape[1:])
        seen = (np.frombuffer(one, np.uint8).reshape(shape) for one in self._seen)
        return max(float(self._compare(drawn.astype(np.int16), change).min()) for drawn in seen)

    def _compare(self, drawn: Sketch, measure: Measure) -> NDArray[np.float64]:
        """Return how far a frame is from each that is kept."""
        if not self._kept:
            return np.empty(0)
        drawings = _together([*(kept.drawn for kept in self._kept), drawn])
        return measure(drawings[:-1], drawings[-1])
