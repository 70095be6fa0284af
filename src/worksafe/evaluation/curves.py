"""Points of the curves that are drawn: ROC, precision-recall, reliability. Pure NumPy."""

from dataclasses import dataclass

import numpy as np

from worksafe.evaluation.metrics import Bools, Floats, rank_from_top, wilson_interval


@dataclass(frozen=True, slots=True)
class Bin:
    """Pictures whose scores lie between two values.

    Attributes
    ----------
    score : float
        Their mean score.
    share, low, high : float
        Share of them that are positive, with its 95 % interval.
    pictures : int
        How many.
    """

    score: float
    share: float
    low: float
    high: float
    pictures: int


def roc_points(scores: Floats, truths: Bools) -> tuple[Floats, Floats]:
    """Compute the ROC curve.

    Parameters
    ----------
    scores : ndarray of float, shape (n,)
        Higher is more positive.
    truths : ndarray of bool, shape (n,)
        Which are positive; both classes are there.

    Returns
    -------
    false_positives : ndarray of float, shape (t + 1,)
        Shares, rising from 0 to 1; one point for each of the t different scores.
    recall : ndarray of float, shape (t + 1,)
        The same of the positives.
    """
    found, flagged = _counted(scores, truths)
    return flagged / flagged[-1], found / found[-1]


def precision_points(scores: Floats, truths: Bools) -> tuple[Floats, Floats]:
    """Compute the precision-recall curve.

    Parameters
    ----------
    scores : ndarray of float, shape (n,)
        Higher is more positive.
    truths : ndarray of bool, shape (n,)
        Which are positive; there is one at least.

    Returns
    -------
    recall : ndarray of float, shape (t,)
        Shares, rising to 1.
    precision : ndarray of float, shape (t,)
        Shares of positives among those flagged.
    """
    found, flagged = _counted(scores, truths)
    return found[1:] / found[-1], found[1:] / (found + flagged)[1:]


def _counted(scores: Floats, truths: Bools) -> tuple[Floats, Floats]:
    """Count positives and negatives from the highest score down, tied scores at once."""
    order, ends = rank_from_top(scores)
    found = np.cumsum(truths[order], dtype=np.float64)[ends]
    flagged = np.cumsum(~truths[order], dtype=np.float64)[ends]
    return np.concatenate([[0.0], found]), np.concatenate([[0.0], flagged])


def reliability_bins(scores: Floats, truths: Bools, bins: int = 10) -> list[Bin]:
    """Compare scores with what is true, in bins of equal width.

    Parameters
    ----------
    scores : ndarray of float, shape (n,)
        Probabilities, 0 to 1.
    truths : ndarray of bool, shape (n,)
        Which are positive.
    bins : int, default 10
        Number of bins.

    Returns
    -------
    list of Bin
        Those that are not empty, by rising score.
    """
    places = np.minimum((scores * bins).astype(int), bins - 1)
    return [
        Bin(
            float(scores[places == place].mean()),
            float(truths[places == place].mean()),
            *wilson_interval(int(truths[places == place].sum()), int((places == place).sum())),
            int((places == place).sum()),
        )
        for place in np.unique(places)
    ]
