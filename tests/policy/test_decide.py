from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_scores import scores_of
from worksafe.api import rendering
from worksafe.engine.scoring import summarise
from worksafe.models.registry import LABELS
from worksafe.policy.decide import decide
from worksafe.policy.document import Policy, Rule
from worksafe.policy.reading import read_policies
from worksafe.results import (
    Action,
    FrameScores,
    ImageInfo,
    ImageScores,
    Moderation,
    Region,
    Scores,
)

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
    given = scores_of({name.replace("__", "."): score for name, score in labels.items()})
    shown = replace(given, categories={**given.categories, **(categories or {})}, regions=regions)
    return ImageScores(shown, frame_of or {})


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

    frame_of = {"nudity": 12, "nudity.explicit": 12}
    (reason,) = decide(
        scored(nudity__explicit=0.9, regions=regions, frame_of=frame_of), POLICY
    ).reasons

    assert reason.category == "nudity"
    assert reason.label == "nudity.explicit"
    assert (reason.score, reason.threshold, reason.action) == (0.9, 0.8, Action.BLOCK)
    assert (reason.frame, reason.region) == (12, 1)


def film(*frames: tuple[int, str, float]) -> ImageScores:
    """A film's scores as the engine joins them, from frames that show one label each."""
    several = []
    for frame, label, score in frames:
        places = ((float(frame),),)
        box = Region(label, "THING", score, (frame / 100, 0.0, 0.1, 0.1))
        shown = replace(scores_of({label: score}), regions=(box,), maps={label: places})
        several.append(FrameScores(frame, float(frame), shown))
    return summarise(several, 0.0, is_video=True)


def test_a_reason_of_which_no_label_is_known_names_the_rule() -> None:
    unknown = Scores({"nudity": 0.9}, {})

    (reason,) = decide(ImageScores(unknown, {}), POLICY).reasons

    assert reason.label is None
    assert reason.sentence.startswith("nudity scores 0.90; the policy blocks")
    low = replace(reason, score=0.0015, threshold=0.0011).sentence
    assert low == "nudity scores 0.0015; the policy blocks from 0.0011."
    lowest = replace(reason, score=0.0001, threshold=0.00001).sentence
    assert lowest == "nudity scores 0.00010; the policy blocks from 0.00001."


def test_a_reason_names_no_region_of_another_frame() -> None:
    """Nobody agrees with frame 10, which scores highest, and its regions are the film's."""
    explicit = "nudity.explicit"
    shown = film(
        (10, explicit, 0.94), (11, explicit, 0.1), (50, explicit, 0.85), (51, explicit, 0.84)
    )

    (reason,) = decide(shown, POLICY).reasons

    assert (reason.score, reason.frame, reason.region) == (0.84, 50, None)

    (alone,) = decide(film((10, explicit, 0.96), (11, explicit, 0.1)), POLICY).reasons
    assert (alone.frame, alone.region) == (10, 0)


def test_a_reason_names_the_label_that_its_frame_shows() -> None:
    """Frame 3 has a gun, and by itself does not count."""
    violence = POLICY.model_copy(update={"rules": {"violence": Rule(block=0.5)}})
    blood = "violence.blood"
    shown = film((3, "violence.firearm", 0.9), (4, blood, 0.1), (10, blood, 0.8), (11, blood, 0.8))

    (reason,) = decide(shown, violence).reasons

    assert (reason.label, reason.score) == (blood, 0.8)
    assert reason.frame in {10, 11}
    assert reason.time_s == next(one.time_s for one in shown.frames if one.frame == reason.frame)
    where = f"in frame {reason.frame} (at {reason.time_s:.1f} s)"
    assert reason.sentence.startswith(f"violence.blood scores 0.80, {where};")


def test_a_heat_map_is_of_the_frame_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    explicit = "nudity.explicit"
    shown = film(
        (10, explicit, 0.94), (11, explicit, 0.1), (50, explicit, 0.85), (51, explicit, 0.84)
    )
    reasons = decide(shown, POLICY).reasons
    info = ImageInfo("mp4", 8, 8, 100, 3, 60.0)
    result = Moderation(0, "a", Action.BLOCK, 6, reasons, shown.scores, shown.frames, info)
    monkeypatch.setattr(rendering, "data_url", lambda places, *_: f"places {places}")

    (heat,) = rendering.render_result(result, ["heatmap"]).heatmaps or []

    assert (heat.frame, heat.data_url) == (50, "places ((50.0,),)")


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


def test_a_label_that_is_only_reported_costs_less_where_no_weight_is_named() -> None:
    unweighed = Policy(name="plain", rules={})

    assert decide(scored(drugs__tobacco=1.0), unweighed).suitability == 60
    assert decide(scored(drugs__cannabis=1.0), unweighed).suitability == 0


def test_a_label_that_is_not_registered_yet_is_decided_like_others() -> None:
    scores = Scores({"violence": 0.9}, {"violence.new": 0.9})
    policy = Policy.model_validate({"name": "new", "rules": {"violence": {"block": 0.8}}})

    decision = decide(ImageScores(scores, {}), policy)

    assert [reason.label for reason in decision.reasons] == ["violence.new"]
    assert decision.suitability == 10


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
