import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worksafe.evaluation.bootstrap import bootstrap_intervals, rank_scores, weighted_figures
from worksafe.evaluation.metrics import METRICS, bootstrap_interval

RNG = np.random.default_rng(11)
DRAWN = st.lists(
    st.tuples(st.integers(0, 12).map(lambda level: level / 12), st.booleans(), st.integers(0, 3)),
    min_size=1,
    max_size=80,
)


@given(DRAWN)
def test_weights_give_the_figures_of_pictures_repeated(
    drawn: list[tuple[float, bool, int]],
) -> None:
    # Distinct scores for the calibration error, whose bins cut ties by the pictures' order.
    scores = np.array([score + 1e-6 * place for place, (score, _, _) in enumerate(drawn)])
    truths = np.array([truth for _, truth, _ in drawn])
    weights = np.array([weight for _, _, weight in drawn])
    repeated = np.repeat(np.arange(len(drawn)), weights)

    figures = weighted_figures(rank_scores(scores, truths), weights)

    both = truths[repeated].any() and not truths[repeated].all()
    plain = [of(scores[repeated], truths[repeated]) for of in METRICS.values()] if both else []
    assert figures == pytest.approx(plain or [np.nan] * len(METRICS), nan_ok=True)


@given(DRAWN)
def test_tied_scores_count_as_in_the_plain_metrics(drawn: list[tuple[float, bool, int]]) -> None:
    scores = np.array([score for score, _, _ in drawn])
    truths = np.array([truth for _, truth, _ in drawn])
    repeated = np.repeat(np.arange(len(drawn)), [weight for _, _, weight in drawn])
    figures = weighted_figures(
        rank_scores(scores, truths), np.bincount(repeated, minlength=len(drawn))
    )

    if truths[repeated].any() and not truths[repeated].all():
        plain = [of(scores[repeated], truths[repeated]) for of in METRICS.values()]
        assert figures[:-1] == pytest.approx(plain[:-1])


def test_intervals_equal_those_of_the_straightforward_way() -> None:
    truths = RNG.uniform(size=300) < 0.2
    scores = np.clip(truths * 0.3 + RNG.uniform(size=300) * 0.7, 0, 1)
    groups = [str(index // 3) for index in range(300)]

    fast = bootstrap_intervals(scores, truths, groups, rounds=60)

    for name, metric in METRICS.items():
        plain = bootstrap_interval(metric, scores, truths, groups, rounds=60)
        assert fast[name] == pytest.approx(plain), name


def test_a_class_that_is_absent_gives_no_interval() -> None:
    intervals = bootstrap_intervals(np.ones(3), np.zeros(3, dtype=bool), ["a", "b", "c"], rounds=5)

    assert np.isnan(intervals["auc"]).all()


def test_a_thousand_rounds_of_a_large_set_take_seconds() -> None:
    truths = np.arange(3000) < 400
    scores = RNG.uniform(size=3000)

    began = time.process_time()
    bootstrap_intervals(scores, truths, [str(index) for index in range(3000)])

    assert time.process_time() - began < 8
