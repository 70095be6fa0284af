import numpy as np
import pytest

from worksafe.evaluation.curves import precision_points, reliability_bins, roc_points

SCORES = np.array([0.9, 0.8, 0.8, 0.3, 0.1])
TRUTHS = np.array([True, True, False, True, False])


def test_curves_pass_through_the_points_by_hand_ties_at_once() -> None:
    false_positives, recall = roc_points(SCORES, TRUTHS)
    found, precision = precision_points(SCORES, TRUTHS)

    assert false_positives.tolist() == [0, 0, 0.5, 0.5, 1]
    assert recall == pytest.approx([0, 1 / 3, 2 / 3, 1, 1])
    assert found == pytest.approx([1 / 3, 2 / 3, 1, 1])
    assert precision == pytest.approx([1, 2 / 3, 3 / 4, 3 / 5])


def test_reliability_is_told_of_each_bin_that_has_pictures() -> None:
    low, high = reliability_bins(np.array([0.1, 0.3, 0.8, 1.0]), TRUTHS[:4], bins=2)

    assert [low.score, low.share, low.pictures] == pytest.approx([0.2, 1.0, 2])
    assert [high.score, high.share, high.pictures] == pytest.approx([0.9, 0.5, 2])
    assert 0 < high.low < 0.5 < high.high < 1
