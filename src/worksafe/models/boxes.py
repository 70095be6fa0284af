"""Boxes around what a detector found, and which of them are one find."""

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32] | NDArray[np.float64]

_MAX_OVERLAP = 0.45  # of their union; as in the `nudenet` package


def suppress_overlaps(
    boxes: Boxes, scores: NDArray[np.float32], classes: NDArray[np.intp]
) -> list[int]:
    """Keep the most certain of boxes that overlap (non-maximum suppression).

    Parameters
    ----------
    boxes : ndarray of float32 or float64, shape (n, 4)
        Left, top, width, height.
    scores : ndarray of float32, shape (n,)
        Higher is more certain.
    classes : ndarray of int, shape (n,)
        Only boxes of one class compete: a covered part never hides an exposed one.

    Returns
    -------
    list of int
        Positions of the boxes that are kept, the most certain first.
    """
    order = np.argsort(-scores, kind="stable")
    left_top, right_bottom = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    area = boxes[:, 2] * boxes[:, 3]
    kept: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        overlap = np.clip(
            np.minimum(right_bottom[best], right_bottom[rest])
            - np.maximum(left_top[best], left_top[rest]),
            0,
            None,
        ).prod(axis=1)
        union = area[best] + area[rest] - overlap
        is_same = (classes[rest] == classes[best]) & (overlap > _MAX_OVERLAP * union)
        order = rest[~is_same]
    return kept
