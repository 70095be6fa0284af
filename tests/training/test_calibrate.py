import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from worksafe.errors import TrainingError
from worksafe.results import SCORE_DIGITS
from worksafe.training.calibrate import FALSE_POSITIVE_RATES, fit_platt, thresholds


def test_a_label_that_validation_does_not_show_keeps_its_logits() -> None:
    logits = np.linspace(-6, 2, 50)

    fit = fit_platt(logits, np.zeros(50, dtype=bool), np.ones(50))

    np.testing.assert_allclose(fit.apply(logits), 1 / (1 + np.exp(-logits)))


def test_platt_scaling_finds_the_scale_that_made_the_labels() -> None:
    rng = np.random.default_rng(5)
    logits = rng.normal(0, 3, 20_000)
    truths = rng.uniform(size=logits.size) < 1 / (1 + np.exp(-(0.5 * logits - 1)))

    fit = fit_platt(logits, truths, np.ones_like(logits))

    assert fit.slope == pytest.approx(0.5, abs=0.03)
    assert fit.offset == pytest.approx(-1, abs=0.06)


def mean_loss(logits: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    return float(np.mean(np.logaddexp(0, logits) - wanted * logits))


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 200),
    st.floats(-12, -3),
    st.floats(-3, 6),
    st.floats(0.3, 3),
)
def test_no_other_scale_fits_better_however_far_the_logits_lie(
    seed: int, positives: int, below: float, above: float, spread: float
) -> None:
    rng = np.random.default_rng(seed)
    truths = np.arange(1200) < positives
    logits = np.where(truths, rng.normal(above, spread, 1200), rng.normal(below, spread, 1200))
    wanted = np.where(truths, (positives + 1) / (positives + 2), 1 / (1200 - positives + 2))

    fit = fit_platt(logits, truths, np.ones(1200))

    found = mean_loss(fit.slope * logits + fit.offset, wanted)
    for slope in (0.9, 0.99, 1.01, 1.1):
        for offset in (-0.2, -0.02, 0, 0.02, 0.2):
            other = slope * (fit.slope * logits + fit.offset) + offset
            assert found <= mean_loss(other, wanted) + 1e-7


def test_labels_that_run_against_their_logits_get_the_smallest_slope_and_their_share() -> None:
    logits = np.linspace(-4, 4, 1000)
    truths = logits < -2

    fit = fit_platt(logits, truths, np.ones(1000))

    assert fit.slope == 0.05
    assert fit.apply(logits).mean() == pytest.approx(truths.mean(), abs=0.01)


def test_logits_that_are_no_numbers_are_refused() -> None:
    logits = np.array([0.5, np.nan, -1.0])

    with pytest.raises(TrainingError, match="cannot be calibrated"):
        fit_platt(logits, np.array([True, False, False]), np.ones(3))


@given(st.integers(0, 2**32 - 1), st.integers(3, 2000), st.floats(-14, 0))
def test_a_threshold_flags_at_most_its_rate_also_where_scores_are_tiny(
    seed: int, count: int, centre: float
) -> None:
    rng = np.random.default_rng(seed)
    scores = 1 / (1 + np.exp(-rng.normal(centre, 2, count)))

    found = thresholds(scores)

    decided = np.round(scores, SCORE_DIGITS)  # as policies compare them
    assert {*found} == {str(rate) for rate in FALSE_POSITIVE_RATES}
    for rate, threshold in found.items():
        assert (decided >= threshold).sum() <= float(rate) * count
        assert len(str(threshold)) <= 6


def test_a_rate_that_no_score_up_to_1_meets_has_no_threshold() -> None:
    scores = np.full(1000, 0.3)
    scores[:15] = 0.99999  # 1 as policies compare it

    assert thresholds(scores) == {"0.05": 0.3001, "0.02": 0.3001}
    assert thresholds(np.ones(3)) == {}
