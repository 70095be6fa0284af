from dataclasses import fields, replace
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from fakes import CountingSession, FakeSession, brightness_detector, counted, said
from pictures import encode, photo, quadrants
from worksafe import Moderator
from worksafe.engine.cache import MemoryCache, Recall
from worksafe.engine.found import Found
from worksafe.engine.runtime import Runtime, RuntimeName
from worksafe.images.limits import ImageLimits
from worksafe.models.spec import Glance, WeightsFile
from worksafe.policy.document import Policy
from worksafe.results import FrameScores, ImageInfo, ImageScores, Region, Scores

RUNTIMES: tuple[RuntimeName, ...] = get_args(RuntimeName)
PNG = ImageInfo("png", 8, 8, 1, 1)


def test_the_same_upload_costs_no_second_look() -> None:
    moderator, session = counted()
    data = encode(quadrants(), "GIF", save_all=True, append_images=[photo().resize((96, 64))])

    first, second = moderator.check(data), moderator.check(bytes(data))

    assert session.runs == 2  # its two frames, once
    assert said(first) == said(second)


def test_other_bytes_are_looked_at() -> None:
    moderator, session = counted()

    for quality in (90, 91):
        moderator.check(encode(photo(), quality=quality))

    assert session.runs == 2


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2"},
        {"weights": WeightsFile("tests", "none", "1" * 64)},
        {"contract_sha256": "1" * 64},
    ],
)
def test_another_version_weights_or_calibration_look_anew(change: dict[str, Any]) -> None:
    detector = brightness_detector()
    changed = replace(detector, spec=replace(detector.spec, **change))

    before, after = (
        Recall(MemoryCache(10), [one], ImageLimits()).key(b"a picture", "never")
        for one in (detector, changed)
    )

    assert before != after


def test_a_glance_with_other_weights_looks_anew() -> None:
    quick = brightness_detector()

    def key(sha256: str) -> str:
        weights = replace(quick.spec.weights, sha256=sha256)
        glance = Glance(replace(quick.spec, weights=weights), settles_below=0.05)
        detector = replace(quick, spec=replace(quick.spec, glance=glance), glance=quick)
        return Moderator(detectors=[detector])._recall.key(b"a picture", "never")

    assert key("0" * 64) != key("1" * 64)


def test_another_policy_decides_anew_on_what_is_known() -> None:
    session = CountingSession()
    strict = Policy.model_validate({"name": "strict", "rules": {"violence": {"block": 0.01}}})
    moderator = Moderator(
        detectors=[brightness_detector(session=session)],
        policies={"strict": strict, "default": Policy(name="default", rules={})},
    )

    decisions = [moderator.check(encode(photo()), name).decision for name in ("default", "strict")]

    assert decisions == ["allow", "block"]
    assert session.runs == 1


def test_the_results_asked_for_least_lately_go_first() -> None:
    moderator, session = counted(cache_entries=2)
    first, second, third = (encode(photo(), quality=quality) for quality in (80, 85, 90))

    for data in (first, second, first, third, first, second):
        moderator.check(data)

    assert session.runs == 4  # three, and the second again


def test_what_moves_counts_as_often_as_it_has_frames() -> None:
    moderator, session = counted(cache_entries=4)
    still = encode(photo())
    scenes = [photo(name).resize((96, 64)) for name in ("cat", "coffee", "rocket")]
    moving = encode(scenes[0], "WEBP", save_all=True, append_images=scenes[1:], lossless=True)

    for data in (still, moving, moving, still):
        moderator.check(data)
    assert session.runs == 4  # one and three, each once

    moderator.check(encode(photo(), quality=60))  # and the animation goes
    moderator.check(moving)

    assert session.runs == 4 + 1 + 3


def test_results_with_many_regions_count_for_more() -> None:
    region = Region("nudity.explicit", "FEET", 0.5, (0.1, 0.1, 0.1, 0.1))
    scores = Scores({}, {}, (region,) * 80)
    found = Found(ImageScores(scores, {}, (FrameScores(0, 0.0, scores),)), PNG)
    cache = MemoryCache(20)

    for key in "abc":
        cache.put(key, found)

    assert [cache.get(key) is not None for key in "abc"] == [False, False, True]


def test_a_result_larger_than_all_that_is_kept_drives_nothing_out() -> None:
    scores = Scores({}, {})
    still, long = (
        Found(
            ImageScores(scores, {}, tuple(FrameScores(n, 0.0, scores) for n in range(count))), PNG
        )
        for count in (1, 16)
    )
    cache = MemoryCache(10)

    cache.put("still", still)
    cache.put("long", long)

    assert [cache.get(key) is not None for key in ("still", "long")] == [True, False]


def test_what_is_kept_anew_counts_once() -> None:
    scores = Scores({}, {})
    found = Found(ImageScores(scores, {}, (FrameScores(0, 0.0, scores),)), PNG)
    cache = MemoryCache(2)

    for key in "abbbb":
        cache.put(key, found)

    assert [cache.get(key) is not None for key in "ab"] == [True, True]


def test_nothing_is_kept_if_so_wished() -> None:
    moderator, session = counted(cache_entries=0)

    for _ in range(3):
        moderator.check(encode(photo()))

    assert session.runs == 3


def test_errors_are_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    def fail_once(planes: NDArray[np.float32]) -> NDArray[np.float32]:
        answers.append(planes)
        if len(answers) == 1:
            raise MemoryError("for once")
        means: NDArray[np.float32] = planes.mean(axis=(2, 3))
        return means

    answers: list[NDArray[np.float32]] = []
    moderator = Moderator(detectors=[brightness_detector(session=FakeSession(fail_once))])
    data = encode(photo())

    statuses = [moderator.check(data).status for _ in range(3)]

    assert statuses == ["error", "ok", "ok"]
    assert len(answers) == 2
    assert "for once" in caplog.text


@pytest.mark.parametrize("limit", [field.name for field in fields(ImageLimits)])
def test_what_was_looked_at_within_other_limits_is_looked_at_anew(limit: str) -> None:
    def key(limits: ImageLimits) -> str:
        return Recall(MemoryCache(10), [brightness_detector()], limits).key(b"a picture", "never")

    usual = ImageLimits()

    assert key(replace(usual, **{limit: getattr(usual, limit) + 1})) != key(usual)


def test_what_had_another_taxonomy_is_looked_at_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def key() -> str:
        recall = Recall(MemoryCache(10), [brightness_detector()], ImageLimits())
        return recall.key(b"a picture", "never")

    before = key()
    monkeypatch.setattr("worksafe.engine.cache.TAXONOMY", "2")

    assert key() != before


def test_what_looked_closer_or_ran_elsewhere_is_kept_by_itself() -> None:
    detector = brightness_detector()
    keys = {
        Recall(MemoryCache(10), [replace(detector, runtime=Runtime(name))], ImageLimits()).key(
            b"a picture", thorough
        )
        for name in RUNTIMES
        for thorough in ("never", "uncertain", "always")
    }

    assert len(keys) == 6


def test_an_answer_with_maps_is_looked_for_and_not_remembered() -> None:
    moderator, session = counted()
    data = encode(photo())
    moderator.check(data)

    moderator.check(data, look=moderator.look(maps=True))

    assert session.runs == 2


def test_what_a_caller_makes_of_a_result_is_not_what_others_get() -> None:
    moderator, _ = counted()
    data = encode(photo())
    first = moderator.check(data)
    assert first.scores is not None
    before = dict(first.scores.labels)

    for result in (first, moderator.check(data)):
        assert result.scores is not None
        for scores in (result.scores.labels, result.scores.categories):
            assert isinstance(scores, dict)
            scores.clear()
    again = moderator.check(data)

    assert again.scores is not None
    assert again.scores.labels == before
    assert again.scores.categories


def test_nothing_is_hashed_where_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    moderator, session = counted(cache_entries=0)
    monkeypatch.delattr(Recall, "key")

    results = [moderator.check(encode(photo())) for _ in range(2)]

    assert [result.status for result in results] == ["ok", "ok"]
    assert session.runs == 2
