"""Intervals by bootstrap, fast: scores are sorted once, and a resample is a weight per picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worksafe.evaluation.metrics import (
    BINS,
    FPRS,
    METRICS,
    Bools,
    Floats,
    calibration_error,
    rank_from_top,
    wilson_interval,
)

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Scores in falling order, with what no resample changes.

    Attributes
    ----------
    order : ndarray of int, shape (n,)
        Positions of the pictures, the highest score first.
    scores : ndarray of float, shape (n,)
        In that order.
    truths : ndarray of bool, shape (n,)
        In that order.
    tie_ends : ndarray of int, shape (t,)
        Where runs of equal scores end.
    """

    order: NDArray[np.intp]
    scores: Floats
    truths: Bools
    tie_ends: NDArray[np.intp]


def rank_scores(scores: Floats, truths: Bools) -> Ranking:
    """Sort scores for `weighted_figures`.

    Parameters
    ----------
    scores : ndarray of float, shape (n,)
        Higher is more positive.
    truths : ndarray of bool, shape (n,)
        Which are positive.

    Returns
    -------
    Ranking
    """
    order, ends = rank_from_top(scores)
    return Ranking(order, scores[order], truths[order], ends)


def weighted_figures(ranking: Ranking, weights: NDArray[np.intp]) -> Floats:
    """Compute all of `metrics.METRICS`, each picture counted as often as its weight says.

    Parameters
    ----------
    ranking : Ranking
        From `rank_scores`.
    weights : ndarray of int, shape (n,)
        How often each picture was drawn, in the pictures' own order.

    Returns
    -------
    ndarray of float, shape (5,)
        In the order of `metrics.METRICS`; NaN where one of the two classes was not drawn.
    """
    drawn = weights[ranking.order]
    # Drawn with a score of at least that of the run, for each run of equal scores.
    found = np.cumsum(drawn * ranking.truths)[ranking.tie_ends]
    flagged = np.cumsum(drawn * ~ranking.truths)[ranking.tie_ends]
    positives, negatives = found[-1], flagged[-1]
    if not positives or not negatives:
        return np.full(len(METRICS), np.nan)
    found_before = np.concatenate([[0], found[:-1]])
    in_run, wrong_in_run = found - found_before, np.diff(flagged, prepend=0)
    beaten = negatives - flagged + wrong_in_run / 2
    precision = found / np.maximum(found + flagged, 1)
    # Only scores above the first negative too many are flagged, none that equals it.
    limits = [np.searchsorted(flagged, int(fpr * negatives) + 1) for fpr in FPRS]
    return np.array(
        [
            np.sum(in_run * beaten) / (positives * negatives),
            np.sum(in_run * precision) / positives,
            *(found_before[limit] / positives for limit in limits),
            _calibration_error(
                ranking.scores[ranking.tie_ends][::-1], (in_run + wrong_in_run)[::-1], in_run[::-1]
            ),
        ]
    )


def _calibration_error(scores: Floats, drawn: NDArray[np.intp], found: NDArray[np.intp]) -> float:
    """Calibration error of a resample, from its runs of equal scores, the lowest first.

    Pictures of a run are alike to it, so the sum of (score - truth) over the first k pictures is
    linear within each run: reading it off at the bins' edges is exact.
    """
    total = int(drawn.sum())
    counted = np.concatenate([[0], np.cumsum(drawn)])
    summed = np.concatenate([[0.0], np.cumsum(drawn * scores - found)])
    sizes = np.full(BINS, total // BINS) + (np.arange(BINS) < total % BINS)
    edges = np.concatenate([[0], np.cumsum(sizes)])
    return float(np.abs(np.diff(np.interp(edges, counted, summed))).sum() / total)


def bootstrap_intervals(
    scores: Floats,
    truths: Bools,
    groups: Sequence[str],
    *,
    rounds: int = 1000,
) -> Mapping[str, Interval]:
    """95 % intervals of all metrics at once, resampling whole groups of related pictures.

    Where every resample says the same, as of three positives above all negatives, that is no
    certainty: the interval is Wilson's, for as many positives as they have groups.

    Parameters
    ----------
    scores : ndarray of float, shape (n,)
        Higher is more positive.
    truths : ndarray of bool, shape (n,)
        Which are positive.
    groups : sequence of str, length n
        Pictures of one clip or scene share a group: they are drawn together.
    rounds : int, default 1000
        Number of resamples.

    Returns
    -------
    mapping of str to (float, float)
        2.5 % and 97.5 % points by the metric's name; NaN where no resample had both classes.
    """
    positive_groups = len({group for group, truth in zip(groups, truths, strict=True) if truth})
    _, group_of = np.unique(np.asarray(groups), return_inverse=True)
    size = int(group_of.max()) + 1
    ranking = rank_scores(scores, truths)
    rng = np.random.default_rng(0)  # the same draws for everybody
    values = np.array(
        [
            weighted_figures(
                ranking, np.bincount(rng.integers(0, size, size), minlength=size)[group_of]
            )
            for _ in range(rounds)
        ]
    )  # (rounds, metrics)
    usable = values[~np.isnan(values).any(axis=1)]
    if not len(usable):
        return dict.fromkeys(METRICS, (float("nan"), float("nan")))
    points = np.percentile(usable, [2.5, 97.5], axis=0).T.tolist()  # (metrics, 2)
    return {
        name: wilson_interval(low * positive_groups, positive_groups)
        if low == high and metric is not calibration_error
        else (low, high)
        for (name, metric), (low, high) in zip(METRICS.items(), points, strict=True)
    }
