"""Pictures that were joined to one: where they meet, and so where each of them lies."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from worksafe.images.resize import RgbImage

Window = tuple[slice, slice]  # rows and columns of a picture

_LINES = 40  # across a seam that are looked at
NARROWEST_PX = 32  # there is nothing to be seen in less
_STEP_PX = 3  # from one side of a seam to the other: compression and scaling blur it
_NEAR_PX = 6  # beside a seam, where a picture goes on as it was
_JUMP = 10  # of 255, from one side to the other
_SHARPER = 2  # times as large as any jump near it
_FIRST, _FURTHER = 0.6, 0.4  # of the lines jump; of a picture that has a seam already
_FOR_ALIKE = 0.3  # so many more for sides that go together, as those of an edge in a scene do
_EVEN = 20  # of 255, between the darkest and the brightest of a border between pictures
_LEAST = 0.18  # of the picture's side: five in a row, and borders between them
_WIDEST = 1 / 12  # a border, of the side of what it divides
_DEPTH = 3  # rows of columns of rows


def find_pictures(picture: RgbImage) -> list[Window]:
    """Find the pictures that one was joined from.

    Parameters
    ----------
    picture : ndarray of uint8, shape (h, w, 3)
        Any.

    Returns
    -------
    list of tuple of slice
        Rows and columns of each; empty for what is one picture.
    """
    green = picture[..., 1]
    least = [max(NARROWEST_PX, side * _LEAST) for side in green.shape]
    whole = (slice(0, green.shape[0]), slice(0, green.shape[1]))
    found = _divide(green, whole, least, _FIRST, _DEPTH)
    return found if len(found) > 1 else []


def _divide(
    green: NDArray[np.uint8], window: Window, least: list[float], share: float, depth: int
) -> list[Window]:
    """Cut at the seams from side to side, and what is left at its own."""
    if not depth:
        return [window]
    inside = green[window]
    for axis in (1, 0):
        across = inside if axis else inside.T
        cuts = _cuts(across, least[axis], share)
        if not cuts:
            continue
        ends = [0, *(end for cut in cuts for end in cut), across.shape[1]]
        start = window[axis].start
        parts = [slice(start + a, start + b) for a, b in zip(ends[::2], ends[1::2], strict=True)]
        windows = [(window[0], part) if axis else (part, window[1]) for part in parts]
        return [one for each in windows for one in _divide(green, each, least, _FURTHER, depth - 1)]
    return [window]


def _cuts(across: NDArray[np.uint8], least: float, share: float) -> list[tuple[int, int]]:
    """Find columns at which pictures meet, or the borders between them, from left to right."""
    height, width = across.shape
    if width < 2 * least or height < NARROWEST_PX:
        return []
    lines = across[np.arange(_LINES) * (height - 1) // (_LINES - 1)]
    found = [*_seams(lines, share), *_borders(lines, share)]
    kept: list[tuple[int, int]] = []
    for _, start, end in sorted(found, reverse=True):
        room = sorted([(0, 0), (width, width), *kept, (start, end)])
        if all(after[0] - before[1] >= least for before, after in pairwise(room)):
            kept.append((start, end))
    return sorted(kept)


def _seams(lines: NDArray[np.uint8], share: float) -> Iterator[tuple[float, int, int]]:
    """Find where most lines jump, sharply, between sides that have nothing in common."""
    left, right = lines[:, :-_STEP_PX], lines[:, _STEP_PX:]
    jumps = np.maximum(left, right) - np.minimum(left, right)
    often = (jumps > _JUMP).sum(axis=0, dtype=np.uint8) >= share * len(lines)
    places = np.flatnonzero(often[_NEAR_PX:-_NEAR_PX]) + _NEAR_PX
    if not places.size:
        return
    near = np.maximum(jumps[:, places - _NEAR_PX], jumps[:, places + _NEAR_PX])
    least = np.maximum(near.astype(np.int16) * _SHARPER, _JUMP)
    sharp = (jumps[:, places] > least).mean(axis=0)
    for at, lines_share in zip(places[sharp >= share], sharp[sharp >= share], strict=True):
        one, other = left[:, at], right[:, at]
        if min(np.ptp(one), np.ptp(other)) < _EVEN:
            continue
        alike = max(0.0, float(np.corrcoef(one, other)[0, 1]))
        if lines_share - _FOR_ALIKE * alike >= share:
            middle = int(at) + (_STEP_PX + 1) // 2
            yield float(lines_share), middle, middle


def _borders(lines: NDArray[np.uint8], share: float) -> Iterator[tuple[float, int, int]]:
    """Find what is of one colour from side to side, and of another on both sides."""
    width = lines.shape[1]
    is_even = lines.max(axis=0) - lines.min(axis=0) < _EVEN
    if not is_even.any():
        return
    ends = np.flatnonzero(np.diff(is_even, prepend=False, append=False))
    for start, end in ends.reshape(-1, 2).tolist():
        if end - start > _WIDEST * width + _STEP_PX or start < _STEP_PX or end > width - _STEP_PX:
            continue
        tone = np.median(lines[:, start:end])
        sides = lines[:, [start - _STEP_PX, end + _STEP_PX - 1]].astype(int)
        changed = float((np.abs(sides - tone) > _JUMP).mean(axis=0).min())
        if changed >= share:
            yield 1 + changed, start, end
