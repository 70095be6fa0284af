import io
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fakes import FakeSession, brightness_detector, counted, counts_of
from pictures import BROKEN, encode, photo, photographs
from worksafe import Moderator, Settings
from worksafe.errors import OverloadedError, SettingsError, UnknownPolicyError
from worksafe.images.source import Source
from worksafe.items import Item
from worksafe.results import Action, Moderation


def test_checks_a_photograph(moderator: Moderator) -> None:
    result = moderator.check(encode(photo()))

    assert result.status == "ok"
    assert result.image is not None
    assert (result.image.format, result.image.width) == ("jpeg", 512)
    assert result.suitability is not None
    assert result.decision is Action.ALLOW
    assert result.timing.total >= result.timing.decode > 0


def test_a_broken_image_is_a_result_and_never_allowed(moderator: Moderator) -> None:
    result = moderator.check(BROKEN["jpeg cut off"][0])

    assert result.status == "error"
    assert result.decision is Action.REVIEW
    assert result.suitability is None
    assert result.scores is None


def test_a_set_of_200_with_ten_broken_gives_the_same_as_one_by_one(
    moderator: Moderator,
) -> None:
    good = [
        encode(Image.fromarray(pixels).rotate(turn, expand=True), "JPEG")
        for turn in range(0, 320, 10)
        for pixels in photographs().values()
    ][:190]
    files = list(good)
    for position, (data, _) in zip(range(3, 200, 20), BROKEN.values(), strict=True):
        files.insert(position, data)

    together = list(moderator.check_many(files))

    assert [result.index for result in together] == list(range(200))
    codes = [result.error.code for result in together if result.error]
    assert codes == [code for _, code in BROKEN.values()]
    assert sum(result.status == "ok" for result in together) == 190
    for file, result in zip(files, together, strict=True):
        alone = moderator.check(file)
        assert alone.status == result.status
        if alone.scores and result.scores:
            assert alone.scores.labels == pytest.approx(result.scores.labels, abs=1e-4)
            assert alone.decision is result.decision


def test_results_come_while_the_source_is_still_giving(moderator: Moderator) -> None:
    def endless() -> Iterator[Source]:
        while True:
            yield photographs()["cat"]

    results = list(islice(moderator.check_many(endless()), 5))

    assert [result.index for result in results] == [0, 1, 2, 3, 4]


def test_paths_name_their_results(moderator: Moderator, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(photo()))

    assert moderator.check(path).id == str(path)
    assert moderator.check(path.read_bytes()).id is None


def test_the_same_pixels_score_the_same_however_they_come(moderator: Moderator) -> None:
    sources: list[Source] = [photographs()["cat"], photo("cat"), encode(photo("cat"), "PNG")]

    results = [moderator.check(source) for source in sources]

    labels = [dict(result.scores.labels) for result in results if result.scores]
    assert len(labels) == 3
    assert labels[0] == labels[1] == labels[2]


def test_an_unknown_policy_is_refused_before_anything_runs(moderator: Moderator) -> None:
    with pytest.raises(UnknownPolicyError):
        moderator.check_many([], "no-such-policy")
    with pytest.raises(UnknownPolicyError):
        Moderator(Settings(policy="no-such-policy"), detectors=[brightness_detector()])


def test_a_frame_among_many_is_found_and_named() -> None:
    moderator = Moderator(detectors=[brightness_detector()])
    frames = [Image.new("RGB", (40, 40), (255,) * 3 if i == 4 else (i,) * 3) for i in range(9)]

    result = moderator.check(
        encode(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    )

    assert result.decision is Action.BLOCK
    assert result.reasons[0].frame == 4
    assert result.image is not None
    assert (result.image.frames, result.image.frames_checked) == (9, 2)  # the others look alike


def test_a_fault_of_our_own_costs_one_image_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail_on_black(planes: NDArray[np.float32]) -> NDArray[np.float32]:
        if planes.max() == 0:
            raise ZeroDivisionError
        return np.asarray(planes.mean(axis=(2, 3)), dtype=np.float32)

    moderator = Moderator(detectors=[brightness_detector(session=FakeSession(fail_on_black))])
    black = np.zeros((8, 8, 3), dtype=np.uint8)

    results = list(moderator.check_many([photographs()["cat"], black, photographs()["coffee"]]))

    assert [result.status for result in results] == ["ok", "error", "ok"]
    assert results[1].error is not None
    assert results[1].error.code == "internal_error"
    assert results[1].decision is Action.REVIEW
    assert "ZeroDivisionError" in caplog.text


def test_one_image_is_not_taken_for_many() -> None:
    moderator = Moderator(detectors=[brightness_detector()])

    many: list[Any] = ["picture.jpg", encode(photo("cat"))]

    for one in many:
        with pytest.raises(TypeError, match="check takes one"):
            moderator.check_many(one)


def test_many_images_are_not_taken_for_one() -> None:
    moderator, several = Moderator(detectors=[brightness_detector()]), ["picture.jpg"]

    with pytest.raises(TypeError, match="check_many takes several"):
        moderator.check(several)  # type: ignore[arg-type]  # the mistake


def slow_moderator(
    release: threading.Event,
    shadow_policy: str | None = None,
    looked_at: threading.Event | None = None,
) -> Moderator:
    def wait(planes: NDArray[np.float32]) -> NDArray[np.float32]:
        if looked_at is not None:
            looked_at.set()
        release.wait(30)
        return np.asarray(planes.mean(axis=(2, 3)), dtype=np.float32)

    settings = Settings(running=1, waiting=0, shadow_policy=shadow_policy)
    return Moderator(settings, detectors=[brightness_detector(session=FakeSession(wait))])


def test_the_shadow_counts_what_was_answered_and_not_what_came_too_late() -> None:
    release = threading.Event()
    moderator = slow_moderator(release, shadow_policy="strict")

    moderator.check_set([Item(photographs()["cat"])] * 3, deadline_s=0.2)
    release.set()
    moderator.close()  # what had begun has ended now

    assert moderator.shadow is not None
    assert counts_of(moderator.shadow) == {(Action.REVIEW, Action.BLOCK): 3}


def test_what_is_not_done_in_time_is_an_error_and_not_allowed() -> None:
    release = threading.Event()
    moderator = slow_moderator(release)

    check = moderator.check_set([Item(photographs()["cat"], "a")] * 3, deadline_s=0.2)

    release.set()
    assert [result.error and result.error.code for result in check.results] == [
        "deadline_exceeded"
    ] * 3
    assert [result.id for result in check.results] == ["a"] * 3
    assert check.decision is Action.REVIEW
    assert check.suitability is None


def test_what_is_the_callers_is_not_read_when_the_time_is_over(moderator: Moderator) -> None:
    file = io.BytesIO(encode(photo()))

    check = moderator.check_set([Item(file)], deadline_s=0)

    assert check.results[0].error is not None
    assert check.results[0].error.code == "deadline_exceeded"
    assert file.tell() == 0


def test_a_failure_of_whoever_is_told_begins_no_more_work() -> None:
    moderator, session = counted()

    def fail(result: Moderation) -> None:
        raise ZeroDivisionError(result.index)

    with pytest.raises(ZeroDivisionError) as caught:
        moderator.check_set([Item(photographs()["cat"])] * 50, on_result=fail)
    moderator.close()

    assert caught.traceback  # which keeps the generator
    assert session.runs < 20  # those that were handed over


def test_a_name_that_no_file_can_have_is_an_item_in_error(moderator: Moderator) -> None:
    good = photographs()["cat"]

    results = list(moderator.check_many([good, "\ud800.jpg", good]))

    assert [result.status for result in results] == ["ok", "error", "ok"]
    assert results[1].error is not None
    assert results[1].error.code == "unreadable_source"
    assert results[1].id == "?.jpg"


def test_a_request_beyond_the_places_is_refused_as_a_whole() -> None:
    release, looked_at = threading.Event(), threading.Event()
    moderator = slow_moderator(release, looked_at=looked_at)
    first = threading.Thread(
        target=moderator.check_set, args=([Item(photographs()["cat"])],), daemon=True
    )
    first.start()
    looked_at.wait(30)
    with pytest.raises(OverloadedError):
        moderator.check_set([Item(photographs()["cat"])])
    release.set()
    first.join(30)

    assert moderator.check_set([Item(photographs()["cat"])]).results[0].status == "ok"


def test_what_the_caller_changes_after_handing_it_over_is_not_seen() -> None:
    moderator = Moderator(Settings(running=4), detectors=[brightness_detector()])
    buffer = np.zeros((64, 64, 3), dtype=np.uint8)
    levels = list(range(0, 240, 10))

    def reused_buffer() -> Iterator[Source]:
        for level in levels:
            buffer[:] = level
            yield buffer

    results = moderator.check_many(reused_buffer())

    scores = [result.scores.labels["violence.fighting"] for result in results if result.scores]
    assert scores == pytest.approx([level / 255 for level in levels], abs=1e-3)


def test_one_moving_image_may_be_handed_over_again_and_again() -> None:
    moderator = Moderator(Settings(running=4), detectors=[brightness_detector()])
    frames = [Image.new("RGB", (300, 300), (i * 20,) * 3) for i in range(12)]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)

    with Image.open(io.BytesIO(data)) as moving:

        def seeking() -> Iterator[Source]:
            for frame in range(12):
                moving.seek(frame)
                yield moving

        results = list(moderator.check_many(seeking()))

    assert [result.status for result in results] == ["ok"] * 12
    assert {result.image.frames_checked for result in results if result.image} == {12}


def test_a_file_may_be_closed_once_it_is_handed_over(moderator: Moderator, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(photo()))

    def opened() -> Iterator[Source]:
        for _ in range(3):
            with path.open("rb") as file:
                yield file

    assert [result.status for result in moderator.check_many(opened())] == ["ok"] * 3


def test_an_empty_set_is_no_set(moderator: Moderator) -> None:
    with pytest.raises(ValueError, match="image"):
        moderator.check_set([])


@pytest.mark.parametrize("items", ["a.jpg", ["a.jpg"], b"abc"])
def test_a_set_is_of_items(moderator: Moderator, items: Any) -> None:
    with pytest.raises(TypeError, match="items"):
        moderator.check_set(items)


def test_what_is_wrong_with_the_environment_is_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORKSAFE_PORT", "abc")

    with pytest.raises(SettingsError, match="WORKSAFE_PORT"):
        Moderator()
