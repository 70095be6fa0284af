from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from worksafe.evaluation.metrics import (
    average_precision,
    calibration_error,
    recall_at_fpr,
    roc_auc,
    threshold_at_fpr,
    wilson_interval,
)

RNG = np.random.default_rng(7)
LABELLED = st.lists(
    st.tuples(st.integers(0, 20).map(lambda level: level / 20), st.booleans()),
    min_size=2,
    max_size=60,
).filter(lambda pairs: len({truth for _, truth in pairs}) == 2)


def split(pairs: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([score for score, _ in pairs]), np.array([truth for _, truth in pairs])


@given(LABELLED)
def test_areas_agree_with_scikit_learn_ties_included(pairs: list[tuple[float, bool]]) -> None:
    scores, truths = split(pairs)

    assert roc_auc(scores, truths) == pytest.approx(roc_auc_score(truths, scores))
    assert average_precision(scores, truths) == pytest.approx(
        average_precision_score(truths, scores)
    )


@given(LABELLED, st.sampled_from([0.0, 0.01, 0.1, 0.5, 0.9]))
def test_a_threshold_never_flags_more_than_allowed_and_no_lower_one_would_do(
    pairs: list[tuple[float, bool]], fpr: float
) -> None:
    scores, truths = split(pairs)
    negatives = scores[~truths]

    threshold = threshold_at_fpr(negatives, fpr)

    assert np.mean(negatives >= threshold) <= fpr
    lower = negatives[negatives < threshold]
    assert not lower.size or np.mean(negatives >= lower.max()) > fpr
    assert recall_at_fpr(scores, truths, fpr) == np.mean(scores[truths] >= threshold)


def test_what_cannot_be_measured_is_nan() -> None:
    ones, none = np.ones(3), np.zeros(3, dtype=bool)

    assert np.isnan(roc_auc(ones, none))
    assert np.isnan(average_precision(ones, none))
    assert np.isnan(recall_at_fpr(ones, none, 0.01))
    assert np.isnan(average_precision(ones, ~none))


@given(LABELLED, st.randoms())
def test_the_calibration_error_does_not_depend_on_the_order_of_equal_scores(
    pairs: list[tuple[float, bool]], chance: Random
) -> None:
    shuffled = chance.sample(pairs, len(pairs))

    assert calibration_error(*split(shuffled)) == pytest.approx(calibration_error(*split(pairs)))


def test_a_coin_that_is_said_to_be_one_is_calibrated() -> None:
    assert calibration_error(np.full(40, 0.5), np.arange(40) < 20) == 0


def test_honest_probabilities_have_a_small_calibration_error_and_bold_ones_a_large() -> None:
    honest = RNG.uniform(size=20_000)
    truths = RNG.uniform(size=20_000) < honest

    assert calibration_error(honest, truths) < 0.02
    assert calibration_error(np.round(honest), truths) > 0.2


def test_a_wilson_interval_equals_the_published_one_and_is_honest_about_nothing_found() -> None:
    assert wilson_interval(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert np.isnan(wilson_interval(0, 0)).all()
