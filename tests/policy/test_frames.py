"""When frames of a film agree."""

import pytest

from policy_scores import film
from worksafe.policy.document import VideoRule
from worksafe.policy.frames import agreed

BLOOD = "violence.blood"
TWO = VideoRule(agree=2, within_s=1.0, alone=0.95)
TEN = VideoRule(agree=10, within_s=1.0, alone=0.95)


def of(rule: VideoRule, *frames: tuple[float, float]) -> float:
    """What frames agree on, each with its time and its score."""
    shown = film([(time_s, {BLOOD: score}) for time_s, score in frames])
    return agreed(shown.frames, BLOOD, rule)[0]


@pytest.mark.parametrize("second", range(1, 60))
def test_frames_exactly_as_far_apart_as_may_be_agree(second: int) -> None:
    """8.3 less 7.3 is more than 1 in floating point."""
    for tenth in range(1, 10):
        time_s = second + tenth / 10
        near = [(time_s - 0.8, 0.1), (time_s, 0.9), (second + 1 + tenth / 10, 0.9)]

        assert of(TWO, *near, (time_s + 1.8, 0.1)) == 0.9


@pytest.mark.parametrize(("score", "counts"), [(0.95, 0.95), (0.94996, 0.95), (0.9499, 0.1)])
def test_one_frame_that_is_as_certain_as_must_be_counts_alone(score: float, counts: float) -> None:
    assert of(TWO, (0.0, score), (0.5, 0.1)) == pytest.approx(counts, abs=1e-9)


def test_frames_that_are_further_apart_do_not_agree() -> None:
    assert of(TWO, (0.2, 0.1), (1.0, 0.9), (2.01, 0.9), (2.8, 0.1)) == 0.1


def test_where_fewer_are_checked_than_must_agree_all_of_them_must() -> None:
    """Of a steady scene one frame a second is checked: ten within a second never are."""
    steady = [(float(second), 0.9) for second in range(5)]
    hot = [(2.0, 0.9), (2.04, 0.9), (2.08, 0.8)]

    assert of(TEN, *steady) == 0.9
    assert of(TEN, (0.0, 0.1), (1.0, 0.9), (2.0, 0.1)) == 0.1
    assert of(TEN, (1.0, 0.1), *hot, (3.0, 0.1)) == 0.1
    assert of(TEN, (0.9, 0.1), *hot, (3.1, 0.1)) == 0.8


def test_one_of_several_near_each_other_never_counts_for_all() -> None:
    for agree in (2, 3, 100):
        rule = VideoRule(agree=agree, within_s=1.0, alone=0.95)
        assert of(rule, (0.0, 0.9), (0.5, 0.1)) == 0.1
        assert of(rule, (0.0, 0.96), (0.5, 0.1)) == 0.96


def test_a_still_counts_by_itself_and_has_no_say_in_others() -> None:
    frames: list[tuple[float, dict[str, float]]] = [(0.0, {BLOOD: 0.8}), (0.5, {BLOOD: 0.1})]

    assert agreed(film(frames, stills=[0.0]).frames, BLOOD, TWO) == (0.8, 0)
    assert agreed(film(frames, stills=[0.0, 0.5]).frames, BLOOD, TWO) == (0.8, 0)
    assert agreed(film(frames, stills=[0.5]).frames, BLOOD, TWO) == (0.8, 0)
    assert agreed(film([*frames, (0.7, {})], stills=[0.5]).frames, BLOOD, TWO)[0] == 0.1


def test_any_length_is_no_error() -> None:
    ages = VideoRule(agree=2, within_s=1e307)

    assert of(ages, (0.0, 0.9), (1e307, 0.9), (1.1e307, 0.1)) == 0.9


def test_frames_agree_over_just_as_long_as_the_rule_says() -> None:
    rule = VideoRule(agree=2, within_s=2.01)
    blood = {"violence.blood": 0.9}
    shown = film([(0.5, {}), (1.0, blood), (3.01, blood), (3.5, {})])

    assert agreed(shown.frames, "violence.blood", rule)[0] == 0.9
