import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from worksafe.evaluation.metrics import (
    average_precision,
    bootstrap_interval,
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
    assert np.isnan(bootstrap_interval(roc_auc, ones, none, ["a", "b", "c"], rounds=5)[0])


def test_honest_probabilities_have_a_small_calibration_error_and_bold_ones_a_large() -> None:
    honest = RNG.uniform(size=20_000)
    truths = RNG.uniform(size=20_000) < honest

    assert calibration_error(honest, truths) < 0.02
    assert calibration_error(np.round(honest), truths) > 0.2


def test_an_interval_holds_the_figure_and_is_wider_where_pictures_are_related() -> None:
    truths = RNG.uniform(size=400) < 0.5
    scores = truths * 0.5 + RNG.normal(size=400)
    alone = [str(index) for index in range(400)]
    related = [str(index // 40) for index in range(400)]

    low, high = bootstrap_interval(roc_auc, scores, truths, alone, rounds=300)
    repeated = bootstrap_interval(
        roc_auc, np.tile(scores, 4), np.tile(truths, 4), alone * 4, rounds=300
    )

    assert low < roc_auc(scores, truths) < high
    assert repeated == pytest.approx((low, high), abs=0.02)  # copies add no certainty
    assert bootstrap_interval(roc_auc, scores, truths, related, rounds=50)


def test_a_wilson_interval_equals_the_published_one_and_is_honest_about_nothing_found() -> None:
    assert wilson_interval(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert np.isnan(wilson_interval(0, 0)).all()
