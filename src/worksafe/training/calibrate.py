"""Logits to probabilities, and thresholds by false-positive rate: both fitted on validation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worksafe.evaluation.metrics import threshold_at_fpr

FALSE_POSITIVE_RATES = (0.05, 0.02, 0.01, 0.005)

_ITERATIONS = 100
_CLOSE_ENOUGH = 1e-9
_SMALLEST_SLOPE = 0.05  # a higher logit never means less

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Platt:
    """The probability is sigmoid(slope * logit + offset)."""

    slope: float
    offset: float

    def apply(self, logits: Floats) -> Floats:
        """Turn logits into probabilities, shape kept."""
        return 1 / (1 + np.exp(-np.clip(self.slope * logits + self.offset, -60, 60)))


def fit_platt(logits: Floats, truths: Bools, weights: Floats) -> Platt:
    """Fit a slope and an offset by Newton's method.

    Parameters
    ----------
    logits : ndarray of float64, shape (n,)
        The network's answers on pictures that it was not trained on.
    truths : ndarray of bool, shape (n,)
        Which show the label.
    weights : ndarray of float64, shape (n,)
        How much each counts.

    Returns
    -------
    Platt
        Leaves logits as they are where no picture shows the label: nothing says how far they lie
        from the truth.

    References
    ----------
    .. [1] Platt 1999; Lin, Lin and Weng, "A Note on Platt's Probabilistic Outputs", 2007. Their
       smoothed targets keep a label of five pictures from being certain of itself.
    """
    positives, negatives = int(truths.sum()), int((~truths).sum())
    if not positives:
        return Platt(1.0, 0.0)
    wanted = np.where(truths, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    design = np.stack([logits, np.ones_like(logits)], axis=1)  # (n, 2)
    solution = np.array([1.0, 0.0])
    for _ in range(_ITERATIONS):
        stated = Platt(*solution).apply(logits)
        gradient = design.T @ (weights * (stated - wanted))
        curvature = (design.T * (weights * stated * (1 - stated))) @ design
        step = np.linalg.solve(curvature + 1e-6 * np.eye(2), gradient)
        solution = solution - np.clip(step, -1, 1)
        if np.abs(step).max() < _CLOSE_ENOUGH:
            break
    return Platt(max(_SMALLEST_SLOPE, float(solution[0])), float(solution[1]))


def thresholds(scores: Floats) -> dict[str, float]:
    """Find the thresholds of one label or category by false-positive rate.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
        Calibrated scores of ordinary photographs, which show none of it.

    Returns
    -------
    dict of str to float
        By rate.
    """
    return {str(rate): round(threshold_at_fpr(scores, rate), 4) for rate in FALSE_POSITIVE_RATES}
