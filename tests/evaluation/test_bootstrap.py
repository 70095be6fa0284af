import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worksafe.evaluation.bootstrap import bootstrap_intervals, rank_scores, weighted_figures
from worksafe.evaluation.metrics import METRICS, Bools, Floats, Metric, roc_auc, wilson_interval

RNG = np.random.default_rng(11)
DRAWN = st.lists(
    st.tuples(st.integers(0, 12).map(lambda level: level / 12), st.booleans(), st.integers(0, 3)),
    min_size=1,
    max_size=80,
)


def straightforward(
    metric: Metric, scores: Floats, truths: Bools, groups: list[str], rounds: int
) -> tuple[float, float]:
    members = [np.flatnonzero(np.asarray(groups) == group) for group in np.unique(groups)]
    rng = np.random.default_rng(0)
    values = []
    for _ in range(rounds):
        drawn = rng.integers(0, len(members), len(members))
        chosen = np.concatenate([members[i] for i in drawn])
        values.append(metric(scores[chosen], truths[chosen]))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


@given(DRAWN)
def test_weights_give_the_figures_of_pictures_repeated_ties_included(
    drawn: list[tuple[float, bool, int]],
) -> None:
    scores = np.array([score for score, _, _ in drawn])
    truths = np.array([truth for _, truth, _ in drawn])
    weights = np.array([weight for _, _, weight in drawn])
    repeated = np.repeat(np.arange(len(drawn)), weights)

    figures = weighted_figures(rank_scores(scores, truths), weights)

    both = truths[repeated].any() and not truths[repeated].all()
    plain = [of(scores[repeated], truths[repeated]) for of in METRICS.values()] if both else []
    assert figures == pytest.approx(plain or [np.nan] * len(METRICS), nan_ok=True)


def test_intervals_equal_those_of_the_straightforward_way() -> None:
    truths = RNG.uniform(size=300) < 0.2
    scores = np.clip(truths * 0.3 + RNG.uniform(size=300) * 0.7, 0, 1)
    groups = [str(index // 3) for index in range(300)]

    fast = bootstrap_intervals(scores, truths, groups, rounds=60)

    for name, metric in METRICS.items():
        plain = straightforward(metric, scores, truths, groups, rounds=60)
        assert fast[name] == pytest.approx(plain), name


def test_a_class_that_is_absent_gives_no_interval() -> None:
    intervals = bootstrap_intervals(np.ones(3), np.zeros(3, dtype=bool), ["a", "b", "c"], rounds=5)

    assert np.isnan(intervals["auc"]).all()


def test_a_few_pictures_that_are_all_told_are_no_certainty() -> None:
    truths = np.arange(100) < 5
    scores = np.where(truths, 1.0, np.linspace(0, 0.9, 100))
    groups = ["a", "a", "b", "b", "c", *map(str, range(95))]

    intervals = bootstrap_intervals(scores, truths, groups, rounds=50)

    for name in METRICS.keys() - {"calibration_error"}:
        assert intervals[name] == pytest.approx(wilson_interval(3, 3)), name
    assert wilson_interval(3, 3)[0] < 0.5


def test_an_interval_holds_the_figure_and_is_wider_where_pictures_are_related() -> None:
    truths = RNG.uniform(size=400) < 0.5
    scores = truths * 0.5 + RNG.normal(size=400)
    alone = [str(index) for index in range(400)]

    low, high = bootstrap_intervals(scores, truths, alone, rounds=300)["auc"]
    copies = bootstrap_intervals(np.tile(scores, 4), np.tile(truths, 4), alone * 4, rounds=300)

    assert low < roc_auc(scores, truths) < high
    assert copies["auc"] == pytest.approx((low, high), abs=0.02)  # copies add no certainty
