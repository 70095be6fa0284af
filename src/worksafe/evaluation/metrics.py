"""Quality figures from scores and truths: pure NumPy, no files, no models.

Notation: `scores` are probabilities or any monotone score, `truths` are booleans, one each.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Metric = Callable[[Floats, Bools], float]

FPRS = (0.01, 0.02)
BINS = 10  # of the calibration error


def rank_from_top(scores: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Sort scores so that equal ones are counted at once.

    Parameters
    ----------
    scores : ndarray of float, shape (n,)
        Higher is more positive.

    Returns
    -------
    order : ndarray of int, shape (n,)
        Positions in `scores`, the highest first.
    tie_ends : ndarray of int, shape (t,)
        Places in `order` where runs of equal scores end.
    """
    order = np.argsort(-scores, kind="stable")
    return order, np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))


def roc_auc(scores: Floats, truths: Bools) -> float:
    """Area under the ROC curve: the chance that a positive outscores a negative.

    Parameters
    ----------
    scores : ndarray of float, shape (n,)
        Higher is more positive.
    truths : ndarray of bool, shape (n,)
        Which are positive.

    Returns
    -------
    float
        0 to 1, ties counted half; NaN where one of the two classes is absent.
    """
    positives = int(truths.sum())
    negatives = truths.size - positives
    if not positives or not negatives:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last_ranks = np.cumsum(counts)
    ranks = (last_ranks - (counts - 1) / 2)[inverse]  # tied scores share their mean rank
    return float((ranks[truths].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(scores: Floats, truths: Bools) -> float:
    """Area under the precision-recall curve, by steps.

    Parameters
    ----------
    scores : ndarray of float, shape (n,)
        Higher is more positive.
    truths : ndarray of bool, shape (n,)
        Which are positive.

    Returns
    -------
    float
        0 to 1; NaN where one of the two classes is absent. Tied scores enter together.
    """
    positives = int(truths.sum())
    if positives in {0, truths.size}:
        return float("nan")
    order, tie_ends = rank_from_top(scores)
    found = np.cumsum(truths[order])[tie_ends]
    return float(np.sum(np.diff(found, prepend=0) / positives * (found / (tie_ends + 1))))


def threshold_at_fpr(negative_scores: Floats, fpr: float) -> float:
    """Find the lowest threshold that flags at most a share of the negatives.

    Parameters
    ----------
    negative_scores : ndarray of float, shape (n,)
        Scores of pictures that should not be flagged.
    fpr : float
        Share that may reach the threshold, 0 to 1.

    Returns
    -------
    float
        A score counts as flagged where it is greater than or equal to this.
    """
    ordered = np.sort(negative_scores)[::-1]
    allowed = int(fpr * ordered.size)
    return float(np.nextafter(ordered[allowed], np.inf)) if allowed < ordered.size else 0.0


def recall_at_fpr(scores: Floats, truths: Bools, fpr: float) -> float:
    """Share of positives found while at most a share of the negatives is flagged.

    Parameters
    ----------
    scores : ndarray of float, shape (n,)
        Higher is more positive.
    truths : ndarray of bool, shape (n,)
        Which are positive.
    fpr : float
        Share of negatives that may be flagged, 0 to 1.

    Returns
    -------
    float
        0 to 1; NaN where one of the two classes is absent.
    """
    if not truths.any() or truths.all():
        return float("nan")
    return float(np.mean(scores[truths] >= threshold_at_fpr(scores[~truths], fpr)))


def calibration_error(scores: Floats, truths: Bools) -> float:
    """Measure the expected calibration error over bins of equal population.

    Parameters
    ----------
    scores : ndarray of float, shape (n,)
        Probabilities, 0 to 1.
    truths : ndarray of bool, shape (n,)
        Which are positive.

    Returns
    -------
    float
        Mean absolute difference of stated and observed frequency, weighted by population. Where
        bins divide equal scores, each part has the truth of all of them in the mean.

    References
    ----------
    .. [1] Nixon et al., "Measuring Calibration in Deep Learning", 2019: bins of equal
       population are steadier than bins of equal width.
    """
    order = np.argsort(scores, kind="stable")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    observed = (np.bincount(inverse, truths) / counts)[inverse]
    return float(
        sum(
            abs(scores[part].mean() - observed[part].mean()) * part.size / scores.size
            for part in np.array_split(order, BINS)
            if part.size
        )
    )


# What is told of every subject.
METRICS: Mapping[str, Metric] = {
    "auc": roc_auc,
    "average_precision": average_precision,
    **{f"recall_at_{100 * fpr:g}pct_fpr": partial(recall_at_fpr, fpr=fpr) for fpr in FPRS},
    "calibration_error": calibration_error,
}


def wilson_interval(found: float, total: float) -> tuple[float, float]:
    """95 % interval of a share, honest for small counts and near 0 and 1.

    Parameters
    ----------
    found, total : float
        The share is found / total. Where pictures are related, total is how many groups of them
        there are: what related ones add to each other is not counted.

    Returns
    -------
    tuple of float
        Low and high, 0 to 1; NaN where the total is 0.

    References
    ----------
    .. [1] Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    if not total:
        return float("nan"), float("nan")
    z, share = 1.959964, found / total
    centre = share + z**2 / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    scale = 1 + z**2 / total
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
