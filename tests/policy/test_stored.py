"""Stored answers are decided as the images were: by every policy, on every scores."""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_scores import POLICIES, films, image, stills
from worksafe.api.rendering import render_check
from worksafe.errors import StoredResultsError
from worksafe.models.registry import CATEGORIES
from worksafe.policy.decide import decide
from worksafe.policy.document import Policy
from worksafe.policy.reading import read_policies
from worksafe.policy.stored import read_results
from worksafe.results import (
    Action,
    Check,
    ImageInfo,
    ImageScores,
    Moderation,
    PolicyInfo,
    Timing,
)


def answer(scored: ImageScores, policy: Policy) -> Check:
    decision = decide(scored, policy)
    info = ImageInfo("png", 8, 8, 20, 16, 6.0 if scored.is_video else None, unseen=scored.unseen)
    result = Moderation(
        0,
        "a",
        decision.action,
        decision.suitability,
        decision.reasons,
        scored.scores,
        scored.frames,
        info,
    )
    found = PolicyInfo(policy.name, policy.version)
    return Check("chk_1", found, (), (result,), Timing())


@given(stills | films, st.sampled_from(POLICIES), st.sampled_from(POLICIES))
def test_any_policy_decides_on_a_stored_answer_as_on_the_image(
    scored: ImageScores, active: Policy, other: Policy
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.jsonl"
        path.write_text(render_check(answer(scored, active), ["frames"]).model_dump_json())
        (stored,) = read_results(path)

    for policy in (active, other):
        action, reasons = stored.decide(policy)
        expected = decide(scored, policy)
        assert action is expected.action
        assert [(one.rule, one.score, one.threshold) for one in reasons] == [
            (one.rule, one.score, one.threshold) for one in expected.reasons
        ]


def document(**changes: Any) -> dict[str, Any]:
    """An answer as stored, with one picture that shows blood for certain."""
    shown = answer(image({"violence.blood": 0.99}), POLICIES[0])
    whole: dict[str, Any] = json.loads(render_check(shown).model_dump_json())
    whole["results"][0] |= changes
    return whole


def write(folder: Path, *documents: Any) -> Path:
    path = folder / "answers.jsonl"
    path.write_text("\n".join(json.dumps(one) for one in documents))
    return path


BLOOD = {"violence": {"score": 0.99, "labels": {"blood": 0.99}}}


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "maybe"},
        {"id": 5},
        {"index": None},
        {"image": []},
        {"image": None},
        {"categories": None},
        {"categories": {"violence": {"score": 7, "labels": {}}}},
        {"categories": {"violence": {"score": float("nan"), "labels": {}}}},
        {"categories": {"violence": {"score": float("inf"), "labels": {}}}},
        {"categories": {"violence": {"score": True, "labels": {}}}},
        {"categories": {"violence": {"score": "0.9", "labels": {}}}},
        {"categories": {"violence": {"score": 0.9}}},
        {"frames": {"a": 1}},
        {"frames": [{"frame": 0, "time_s": float("nan"), "categories": BLOOD}]},
        {"frames": [{"frame": 0, "time_s": 0.0, "still": "no", "categories": BLOOD}]},
    ],
)
def test_what_nothing_can_be_decided_on_is_an_error_with_its_line(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    path = write(tmp_path, document(), document(**changes))

    with pytest.raises(StoredResultsError, match=r"answers\.jsonl:2: no answer of a check"):
        read_results(path)


def test_labels_that_have_gone_since_are_passed_over(tmp_path: Path) -> None:
    """A label may go from one version to the next; no rule can be about it then."""
    old = {
        "violence": {"score": 0.99, "labels": {"blood": 0.99, "gore": 0.9}},
        "horror": BLOOD["violence"],
    }

    (stored,) = read_results(write(tmp_path, document(categories=old)))

    assert stored.decide(read_policies()["default"])[0] is Action.BLOCK


def test_what_moves_and_was_stored_before_unseen_was_is_not_guessed_about(tmp_path: Path) -> None:
    moving = {"duration_s": None, "frames": 99, "frames_checked": 16}
    still = {"duration_s": None, "frames": 1, "frames_checked": 1}

    stored = read_results(write(tmp_path, document(image=moving), document(image=still)))

    assert [one.is_complete for one in stored] == [False, True]


def test_an_answer_without_what_a_rule_may_name_is_not_guessed_about(tmp_path: Path) -> None:
    """A category or label that was not scored, in the image or in one frame of a video."""
    whole = document()["results"][0]["categories"]
    no_drugs = {name: one for name, one in whole.items() if name != "drugs"}
    labels = {name: one for name, one in whole["drugs"]["labels"].items() if name != "tobacco"}
    no_tobacco = whole | {"drugs": whole["drugs"] | {"labels": labels}}
    film = {"duration_s": 2.0, "frames": 2, "frames_checked": 2, "unseen": 0.0}
    frame = {"frame": 0, "time_s": 0.0, "still": False, "categories": whole}
    untold = {name: value for name, value in frame.items() if name != "still"}

    stored = read_results(
        write(
            tmp_path,
            document(),
            document(categories=no_drugs),
            document(categories=no_tobacco),
            document(image=film, frames=[frame, frame | {"frame": 1}]),
            document(image=film, frames=[frame, frame | {"frame": 1, "categories": no_tobacco}]),
            document(image=film, frames=[]),
            document(image=film, frames=[frame, untold]),
        )
    )

    assert [one.is_complete for one in stored] == [True, False, False, True, False, False, False]


def test_reading_takes_time_in_proportion(tmp_path: Path) -> None:
    """Counting lines from the beginning for each answer made 80,000 of them take minutes."""
    path = write(tmp_path, *[document()] * 20_000)

    began = time.perf_counter()
    stored = read_results(path)

    assert len(stored) == 20_000
    assert stored[-1].check == "chk_1"
    assert time.perf_counter() - began < 10


def test_every_category_is_in_the_answers_these_tests_make() -> None:
    assert set(document()["results"][0]["categories"]) == set(CATEGORIES)


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_film_whose_frames_were_cut_short_is_not_decided_anew(tmp_path: Path, kept: int) -> None:
    found = document()["results"][0]
    frames = [
        {"frame": at, "time_s": at / 25, "categories": found["categories"], "still": False}
        for at in range(2)
    ]
    film = found["image"] | {"duration_s": 1.0, "frames": 25, "frames_checked": 2}

    (stored,) = read_results(write(tmp_path, document(image=film, frames=frames[:kept])))

    assert stored.is_complete is (kept == 2)
