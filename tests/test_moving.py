"""Animations, films and URLs through the whole library."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fakes import brightness_detector
from films import film, tracks_of, with_cover
from pictures import encode, photo
from processes import decoders
from servers import resident_bytes
from worksafe import Moderator, Settings
from worksafe.doctor.making import long_gif
from worksafe.items import Item
from worksafe.policy.document import Rule, VideoRule
from worksafe.policy.reading import read_policies
from worksafe.results import Action, Moderation

EXAMPLES = Path(__file__).parents[1] / "examples" / "policies"


def test_one_frame_among_ten_thousand_is_found() -> None:
    patient = Settings(decode_s=60)  # the default is near what a slow and busy machine takes
    moderator = Moderator(patient, detectors=[brightness_detector()])
    data = long_gif(10_000, odd=6_789, shows=Image.new("RGB", (64, 48), (255, 255, 255)))

    result = moderator.check(data)

    assert result.decision is Action.BLOCK
    assert (result.reasons[0].label, result.reasons[0].frame) == ("violence.fighting", 6_789)
    found = next(frame for frame in result.frames if frame.frame == 6_789)
    assert found.time_s == pytest.approx(6_789 * 0.02)


def grey_film(levels: dict[int, int], frames: int = 125) -> bytes:
    """A dark film, and how bright some of its frames are, 25 of them a second."""
    return film(frames, lambda index: np.full((48, 64, 3), levels.get(index, 20), dtype=np.uint8))


@pytest.mark.parametrize(
    ("levels", "decision"),
    [
        ({}, Action.ALLOW),
        ({60: 235}, Action.ALLOW),  # 0.92 in one frame: one in a hundred has that by chance
        ({60: 255}, Action.BLOCK),  # certain
        (dict.fromkeys(range(60, 75), 235), Action.BLOCK),  # over half a second
        ({10: 235, 100: 235}, Action.ALLOW),  # two, but not near each other
        (dict.fromkeys((60, 61, 62), 235), Action.BLOCK),  # a flash, but of three frames
    ],
)
def test_frames_of_a_film_must_agree_or_one_be_certain(
    levels: dict[int, int], decision: Action
) -> None:
    result = Moderator(detectors=[brightness_detector()]).check(grey_film(levels))

    assert result.status == "ok"
    assert result.decision is decision
    if result.reasons:
        time_s = next(f.time_s for f in result.frames if f.frame == result.reasons[0].frame)
        assert 60 / 25 - 0.1 <= time_s <= 75 / 25 + 0.1
    assert result.image is not None
    assert result.image.duration_s == pytest.approx(124 / 25, abs=0.1)


def test_a_slide_that_stands_for_seconds_counts_by_itself() -> None:
    slides = film(4, lambda i: np.full((48, 64, 3), 235 if i == 2 else 20, dtype=np.uint8), fps=1)
    slow = film(8, lambda i: np.full((48, 64, 3), 235 if i == 4 else 20, dtype=np.uint8), fps=1)
    apart = read_policies()["default"].model_copy(update={"video": VideoRule(within_s=0.5)})
    patient = Moderator(detectors=[brightness_detector()], policies={"default": apart})

    assert [patient.check(data).decision for data in (slides, slow)] == [Action.BLOCK] * 2


@pytest.mark.parametrize("shown", [2, 3, 5])
def test_each_slide_counts_by_itself_however_the_ones_beside_it_look(shown: int) -> None:
    levels = [20, 90, 20, 90, 20, 90]
    levels[shown] = 235  # 0.92: voted down, were it one frame of what moves
    moderator = Moderator(detectors=[brightness_detector()])

    def check(fps: int) -> Moderation:
        return moderator.check(
            film(6, lambda i: np.full((48, 64, 3), levels[i], dtype=np.uint8), fps=fps)
        )

    assert [frame.is_still for frame in check(1).frames] == [True] * 6
    assert check(1).reasons[0].frame == shown
    assert check(1).decision is check(5).decision is Action.BLOCK
    assert check(25).decision is (Action.BLOCK if shown == 5 else Action.ALLOW)  # halts at its last


def test_what_stands_for_long_counts_by_itself_though_the_next_frame_is_the_same() -> None:
    quiet, bright = (np.full((48, 64, 3), level, dtype=np.uint8) for level in (20, 235))
    before, after = ([(time_ms, quiet) for time_ms in range(at, at + 1000, 40)]
                     for at in (0, 11_040))  # fmt: skip
    twice = tracks_of([*before, (1000, bright), (11_000, bright), *after])
    slow = tracks_of(
        [(time_ms, quiet) for time_ms in range(0, 8000, 40)],
        [(time_ms, bright) for time_ms in range(0, 8000, 2000)],
    )
    moderator = Moderator(detectors=[brightness_detector()])

    assert [moderator.check(data).decision for data in (twice, slow)] == [Action.BLOCK] * 2


def test_a_reason_of_a_film_of_one_frame_names_its_region() -> None:
    data = film(1, lambda _: np.full((48, 64, 3), 255, dtype=np.uint8))

    (reason,) = Moderator(detectors=[brightness_detector()]).check(data).reasons

    assert (reason.frame, reason.region) == (0, 0)


def test_a_cover_picture_counts_by_itself() -> None:
    quiet, bright = (np.full((48, 64, 3), level, dtype=np.uint8) for level in (20, 235))

    result = Moderator(detectors=[brightness_detector()]).check(with_cover(quiet, bright))

    assert result.decision is Action.BLOCK
    assert [frame.is_still for frame in result.frames].count(True) == 1


def test_a_film_of_half_an_hour_is_checked_in_constant_memory_with_progress(
    tmp_path: Path,
) -> None:
    minutes, per_second = 30, 5
    path = tmp_path / "film.mp4"
    bright_at = 20 * 60 * per_second

    def frame(index: int) -> NDArray[np.uint8]:
        level = 255 if bright_at <= index < bright_at + 2 else 20 + index % 60
        return np.full((144, 192, 3), level, dtype=np.uint8)

    film(minutes * 60 * per_second, frame, fps=per_second, path=path)
    moderator = Moderator(detectors=[brightness_detector()])
    moderator.warm_up()
    seen: list[float] = []
    most = 0

    def on_frame(_: str | None, time_s: float) -> None:
        nonlocal most
        if len(seen) % 50 == 0:
            most = max(most, resident_bytes(os.getpid()))
        seen.append(time_s)

    before = resident_bytes(os.getpid())
    (result,) = moderator.check_set([Item(path)], on_frame=on_frame).results

    assert result.decision is Action.BLOCK
    reason = next(f for f in result.frames if f.frame == result.reasons[0].frame)
    assert reason.time_s == pytest.approx(20 * 60, abs=0.5)
    assert result.image is not None
    assert result.image.duration_s == pytest.approx(minutes * 60, abs=0.5)
    assert len(seen) >= minutes * 60
    assert seen[-1] >= minutes * 60 - 3
    assert most - before < 150 * 1024**2


def test_the_deadline_ends_a_film_and_leaves_no_decoder_at_work(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    film(3000, lambda index: np.full((144, 192, 3), index % 250, dtype=np.uint8), path=path)
    moderator = Moderator(Settings(running=1), detectors=[brightness_detector()])
    before = decoders()

    (result,) = moderator.check_set([Item(path)], deadline_s=0.3).results
    after = moderator.check(encode(photo("cat"), "GIF"))

    assert result.error is not None
    assert result.error.code == "deadline_exceeded"
    assert after.status == "ok"
    assert len(decoders() - before) == 1  # that of the GIF


def test_a_url_is_an_item_in_error_unless_fetching_is_allowed() -> None:
    off = Moderator(detectors=[brightness_detector()])
    on = Moderator(Settings(fetch_urls=True), detectors=[brightness_detector()])

    refused = [one.check("http://169.254.169.254/latest/meta-data/") for one in (off, on)]

    assert [result.error.code for result in refused if result.error] == ["urls_off", "url_refused"]
    assert {result.decision for result in refused} == {Action.REVIEW}


def test_a_short_scene_that_only_a_strict_policy_minds_is_seen_often_enough() -> None:
    """One frame a second is checked, and those around one that scores as much as any may mind."""
    school = read_policies(EXAMPLES)["school"]
    lowest = min(rule.review for rule in school.rules.values() if rule.review)
    moderator = Moderator(detectors=[brightness_detector()])
    minded = school.model_copy(update={"rules": {"violence": Rule(review=lowest)}})

    for frames in (8, 15, 25):  # of 25 a second
        levels = dict.fromkeys(range(72, 72 + frames), round(255 * lowest) + 2)
        assert moderator.check(grey_film(levels), minded).decision is Action.REVIEW
