"""Scores that policies decide on: of stills and of films, also where rounding matters."""

from collections.abc import Collection
from pathlib import Path

from hypothesis import strategies as st

from worksafe.models.registry import DETECTORS, LABELS
from worksafe.models.spec import category_scores
from worksafe.policy.reading import read_policies
from worksafe.results import FrameScores, ImageScores, Scores

# All that ship, and all examples.
POLICIES = [*read_policies(Path(__file__).parents[1] / "examples" / "policies").values()]
THRESHOLDS = sorted(
    {
        threshold
        for policy in POLICIES
        for rule in policy.rules.values()
        for threshold in (rule.review, rule.block)
        if threshold is not None
    }
)
near_thresholds = st.builds(
    lambda threshold, by: min(1.0, max(0.0, threshold + by)),
    st.sampled_from(THRESHOLDS),
    st.floats(-1e-4, 1e-4),
)
probabilities = st.floats(0, 1) | near_thresholds
shown = st.dictionaries(st.sampled_from(sorted(LABELS)), probabilities, max_size=4)


def scores_of(given: dict[str, float]) -> Scores:
    """Scores by label; all others are 0."""
    labels = {name: given.get(name, 0.0) for name in LABELS}
    categories: dict[str, float] = {}
    for spec in DETECTORS:
        categories |= category_scores(spec.labels, labels)
    return Scores(categories, labels)


def image(given: dict[str, float], unseen: float = 0.0) -> ImageScores:
    """A still picture's scores."""
    return ImageScores(scores_of(given), {}, (), unseen)


def film(
    frames: list[tuple[float, dict[str, float]]], stills: Collection[float] = ()
) -> ImageScores:
    """A film's scores, from those of frames, each with its time in seconds; some may be stills."""
    scored = tuple(
        FrameScores(frame, time_s, scores_of(given), time_s in stills)
        for frame, (time_s, given) in enumerate(sorted(frames, key=lambda one: one[0]))
    )
    highest = {name: max(one.scores.labels[name] for one in scored) for name in LABELS}
    return ImageScores(scores_of(highest), {}, scored, is_video=True)


times = st.floats(0, 6) | st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0])
stills = st.builds(image, shown, probabilities)
films = st.builds(
    film,
    st.lists(st.tuples(times, shown), min_size=1, max_size=8, unique_by=lambda one: one[0]),
    st.sets(times, max_size=2),
)
