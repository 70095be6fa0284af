"""What the policies that ship, and the examples, promise in their comments."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings

from policy_scores import film, films, image, stills
from worksafe.engine.scoring import SECOND_LOOK
from worksafe.policy.decide import decide
from worksafe.policy.document import Policy
from worksafe.policy.reading import read_policies
from worksafe.results import UNSEEN, Action, ImageScores

EXAMPLES = read_policies(Path(__file__).parents[2] / "examples" / "policies")
SHIPPED = read_policies()


@given(stills | films)
@example(film([(0.0, {}), (1.5, {"violence.firearm": 0.75})]))  # alone within 1 s, and not within 2
@example(  # two that are all within 2 s, and of which each has another within 1
    film([(0.0, {}), (0.8, {"violence.blood": 0.9}), (2.3, {"violence.blood": 0.9}), (3.1, {})])
)
@settings(max_examples=300)
def test_strict_is_never_laxer_than_default_nor_default_than_lenient(scored: ImageScores) -> None:
    severities = [
        decide(scored, SHIPPED[name]).action.severity for name in ("strict", "default", "lenient")
    ]

    assert severities == sorted(severities, reverse=True)


@pytest.mark.parametrize(
    ("policy", "shown", "action"),
    [
        ("dating-site", {"nudity.suggestive": 1.0, "drugs.tobacco": 1.0}, Action.ALLOW),
        ("dating-site", {"nudity.explicit": 0.8}, Action.BLOCK),
        ("dating-site", {"violence.firearm": 0.99}, Action.REVIEW),
        ("school", {"nudity.suggestive": 0.6}, Action.REVIEW),
        ("school", {"violence.unrest": 1.0}, Action.REVIEW),
        ("school", {"violence.fighting": 0.9}, Action.BLOCK),
        ("school", {"violence.blade": 0.9}, Action.BLOCK),
        ("school", {"drugs.tobacco": 0.95}, Action.BLOCK),
        ("newsroom", {"violence.blood": 1.0, "violence.unrest": 1.0}, Action.REVIEW),
        ("newsroom", {"violence.firearm": 1.0}, Action.REVIEW),
        ("newsroom", {"nudity.explicit": 0.95}, Action.BLOCK),
        ("medical-forum", {"violence.blood": 1.0, "drugs.injection": 1.0}, Action.ALLOW),
        ("medical-forum", {"drugs.substances": 1.0, "nudity.suggestive": 1.0}, Action.ALLOW),
        ("medical-forum", {"nudity.explicit": 1.0}, Action.REVIEW),
        ("medical-forum", {"violence.firearm": 1.0}, Action.BLOCK),
        ("art-museum", {"nudity.explicit": 1.0, "nudity.suggestive": 1.0}, Action.REVIEW),
        ("art-museum", {"violence.blade": 0.8, "violence.unrest": 0.8}, Action.ALLOW),
    ],
)
def test_an_example_does_what_it_is_for(
    policy: str, shown: dict[str, float], action: Action
) -> None:
    assert decide(image(shown), EXAMPLES[policy]).action is action


@pytest.mark.parametrize("policy", [*EXAMPLES.values(), *SHIPPED.values()])
def test_no_policy_minds_what_gets_no_second_look(policy: Policy) -> None:
    thresholds = [
        threshold
        for name, rule in policy.rules.items()
        for threshold in (rule.review, rule.block)
        if name != UNSEEN and threshold is not None
    ]

    assert min(thresholds) >= SECOND_LOOK


def test_what_cannot_be_checked_is_never_allowed() -> None:
    assert {policy.on_error for policy in EXAMPLES.values()} <= {Action.REVIEW, Action.BLOCK}
    assert EXAMPLES["school"].on_error is Action.BLOCK


@pytest.mark.parametrize("label", ["violence.fighting", "violence.firearm", "violence.explosive"])
@pytest.mark.parametrize("policy", EXAMPLES.values(), ids=lambda policy: policy.name)
def test_a_certain_fight_gun_or_bomb_reaches_somebody_everywhere(
    policy: Policy, label: str
) -> None:
    assert decide(image({label: 0.95}), policy).action is not Action.ALLOW
