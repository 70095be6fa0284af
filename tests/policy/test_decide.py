from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worksafe.models.registry import CATEGORIES, LABELS
from worksafe.policy.decide import decide
from worksafe.policy.document import Policy, read_policies
from worksafe.results import Action, ImageScores, Region, Scores

POLICY = Policy.model_validate(
    {
        "name": "test",
        "rules": {
            "nudity": {"review": 0.5, "block": 0.8},
            "drugs": {"block": 0.9},
            "drugs.tobacco": {"review": 0.6},
        },
        "weights": {"nudity.suggestive": 0.4, "drugs.tobacco": 0.4},
    }
)


def scored(
    categories: dict[str, float] | None = None,
    regions: tuple[Region, ...] = (),
    frame_of: dict[str, int] | None = None,
    **labels: float,
) -> ImageScores:
    """Scores by label, with __ for the dot; all others are 0."""
    given = {name.replace("__", "."): score for name, score in labels.items()}
    all_labels = {name: given.get(name, 0.0) for name in LABELS}
    counting: dict[str, float] = {
        category: max(
            all_labels[name]
            for name, label in LABELS.items()
            if label.category == category and label.counts
        )
        for category in CATEGORIES
    }
    return ImageScores(
        Scores({**counting, **(categories or {})}, all_labels, regions), frame_of or {}
    )


@pytest.mark.parametrize(
    ("score", "action"),
    [
        (0.0, "allow"),
        (0.4999, "allow"),
        (0.5, "review"),
        (0.7999, "review"),
        (0.8, "block"),
        (1.0, "block"),
    ],
)
def test_a_threshold_is_reached_by_its_own_value(score: float, action: str) -> None:
    assert decide(scored(nudity__explicit=score), POLICY).action == action


def test_a_reason_says_what_where_and_how_much() -> None:
    regions = (
        Region("nudity.suggestive", "BELLY_EXPOSED", 0.95, (0.0, 0.0, 0.1, 0.1)),
        Region("nudity.explicit", "BUTTOCKS_EXPOSED", 0.9, (0.5, 0.5, 0.1, 0.1)),
    )

    (reason,) = decide(
        scored(nudity__explicit=0.9, regions=regions, frame_of={"nudity": 12}), POLICY
    ).reasons

    assert reason.category == "nudity"
    assert reason.label == "nudity.explicit"
    assert (reason.score, reason.threshold, reason.action) == (0.9, 0.8, Action.BLOCK)
    assert (reason.frame, reason.region) == (12, 1)


def test_labels_that_do_not_count_have_rules_of_their_own() -> None:
    decision = decide(scored(drugs__tobacco=0.99), POLICY)

    assert decision.action is Action.REVIEW
    assert [reason.label for reason in decision.reasons] == ["drugs.tobacco"]
    assert decision.suitability == 60


def test_the_most_severe_rule_decides_and_comes_first() -> None:
    decision = decide(
        scored(nudity__explicit=0.6, drugs__cannabis=0.95, drugs__tobacco=0.7), POLICY
    )

    assert decision.action is Action.BLOCK
    assert [reason.category for reason in decision.reasons] == ["drugs", "drugs", "nudity"]


def test_a_category_without_a_rule_is_allowed_but_costs_suitability() -> None:
    decision = decide(scored(violence__blood=0.75), POLICY)

    assert decision.action is Action.ALLOW
    assert decision.suitability == 25


names = st.sampled_from(sorted(LABELS))
probabilities = st.floats(0, 1)


@given(st.dictionaries(names, probabilities), names, probabilities)
def test_a_higher_score_is_never_more_suitable_nor_less_severe(
    labels: dict[str, float], raised: str, by: float
) -> None:
    policy = read_policies()["default"]
    before: dict[str, Any] = {name.replace(".", "__"): value for name, value in labels.items()}
    old = labels.get(raised, 0.0)
    after = {**before, raised.replace(".", "__"): old + by * (1 - old)}

    low, high = decide(scored(**before), policy), decide(scored(**after), policy)

    assert high.action.severity >= low.action.severity
    assert high.suitability <= low.suitability
    assert 0 <= high.suitability <= 100
    assert (high.action is Action.ALLOW) == (not high.reasons)
