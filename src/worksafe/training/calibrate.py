"""Logits to probabilities, and thresholds by false-positive rate: both fitted on validation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worksafe.errors import TrainingError
from worksafe.evaluation.metrics import threshold_at_fpr
from worksafe.models.hazards import sigmoid
from worksafe.results import SCORE_DIGITS

FALSE_POSITIVE_RATES = (0.05, 0.02, 0.01, 0.005)

_ITERATIONS = 100
_CLOSE_ENOUGH = 1e-12  # of the loss, that another step would gain
_DESCENT = 1e-4  # of what a step promises, that it has to keep
_SMALLEST_SLOPE = 0.05  # a higher logit never means less

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


_FIT_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Platt:
    """The probability is sigmoid(slope * logit + offset)."""

    slope: float
    offset: float

    def rounded(self) -> "Platt":
        """Return it as contracts keep it."""
        return Platt(round(self.slope, _FIT_DIGITS), round(self.offset, _FIT_DIGITS))

    def apply(self, logits: Floats) -> Floats:
        """Turn logits into probabilities, shape kept."""
        return sigmoid(self.slope * logits + self.offset)


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

    Raises
    ------
    TrainingError
        If a logit is not a number, or no scale is found.

    References
    ----------
    .. [1] Platt 1999; Lin, Lin and Weng, "A Note on Platt's Probabilistic Outputs", 2007. Their
       smoothed targets keep a label of five pictures from being certain of itself.
    """
    if not np.isfinite(logits).all():
        raise TrainingError("scores cannot be calibrated: some logits are not numbers")
    positives, negatives = int(truths.sum()), int((~truths).sum())
    if not positives:
        return Platt(1.0, 0.0)
    wanted = np.where(truths, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    ones = np.ones((len(logits), 1))
    design = np.concatenate([logits[:, None], ones], axis=1)
    slope, offset = _fit_logistic(design, np.zeros_like(logits), wanted, weights)
    if slope < _SMALLEST_SLOPE:
        slope = _SMALLEST_SLOPE
        (offset,) = _fit_logistic(ones, slope * logits, wanted, weights)
    return Platt(float(slope), float(offset))


def _fit_logistic(design: Floats, fixed: Floats, wanted: Floats, weights: Floats) -> Floats:
    """Minimise the weighted cross-entropy of sigmoid(design @ solution + fixed) from wanted.

    Each of Newton's steps is halved until it descends: far from the truth a whole one overshoots.
    """

    def loss(solution: Floats) -> float:
        stated = design @ solution + fixed
        return float(weights @ (np.logaddexp(0, stated) - wanted * stated))

    solution = np.zeros(design.shape[1])
    for _ in range(_ITERATIONS):
        stated = sigmoid(design @ solution + fixed)
        gradient = design.T @ (weights * (stated - wanted))
        curvature = (design.T * (weights * stated * (1 - stated))) @ design
        step = np.linalg.solve(curvature + 1e-6 * np.eye(len(solution)), gradient)
        before, promised = loss(solution), float(gradient @ step)
        if promised <= _CLOSE_ENOUGH * (1 + before):
            return solution
        share = 1.0
        while loss(solution - share * step) > before - _DESCENT * share * promised:
            share /= 2
        solution = solution - share * step
    raise TrainingError("scores cannot be calibrated: no scale fits them")


def thresholds(scores: Floats) -> dict[str, float]:
    """Find the thresholds of one label or category by false-positive rate.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
        Calibrated scores of ordinary photographs, which show none of it.

    Returns
    -------
    dict of str to float
        By rate; a score of at least that much is flagged, which at most that share is. A rate that
        no threshold up to 1 meets, since more of the scores are 1, is left out.
    """
    decided = np.round(scores, SCORE_DIGITS)  # as policies compare them
    found = {str(rate): _round_up(threshold_at_fpr(decided, rate)) for rate in FALSE_POSITIVE_RATES}
    return {rate: threshold for rate, threshold in found.items() if threshold <= 1}


def _round_up(threshold: float) -> float:
    """Round to four digits, never down: that would flag more than the rate."""
    rounded = round(threshold, SCORE_DIGITS)
    return rounded if rounded >= threshold else round(rounded + 10**-SCORE_DIGITS, SCORE_DIGITS)
