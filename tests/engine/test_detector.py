from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from fakes import FakeSession, brightness_detector
from pictures import photo, photographs
from worksafe.choices import Thorough
from worksafe.engine.detector import Detector, Look, load_detectors, prepare
from worksafe.errors import InternalError
from worksafe.images.resize import RgbImage
from worksafe.models import hazards
from worksafe.models.registry import DETECTORS
from worksafe.models.spec import DetectorSpec, Glance
from worksafe.results import Scores

ALWAYS = Look("always")


def plain(width: int, height: int) -> RgbImage:
    return np.full((height, width, 3), 128, dtype=np.uint8)


@pytest.mark.parametrize("spec", DETECTORS, ids=lambda spec: spec.name)
@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (33, 17), (640, 480)])
def test_every_detector_takes_every_shape(spec: DetectorSpec, size: tuple[int, int]) -> None:
    planes, placement = prepare(plain(*size), spec)

    assert planes.shape[0] == 1
    assert planes.shape[2] % spec.multiple == planes.shape[3] % spec.multiple == 0
    assert placement.width <= planes.shape[3] + 0.5
    assert placement.height <= planes.shape[2] + 0.5
    (detector,) = load_detectors([spec])
    scores = detector.score(plain(*size))
    assert all(0 <= score <= 1 for score in {**scores.labels, **scores.categories}.values())


@pytest.mark.parametrize(
    ("thorough", "first", "sides"),
    [
        ("never", 0.5, [32]),
        ("always", 0.0, [32, 64]),
        ("always", 0.99, [32, 64]),
        ("uncertain", 0.0, [32]),
        ("uncertain", 0.1, [32, 64]),
        ("uncertain", 0.99, [32]),
    ],
)
def test_a_second_pass_is_larger_and_only_where_asked_for(
    thorough: Thorough, first: float, sides: list[int]
) -> None:
    seen: list[int] = []

    def answer(planes: NDArray[np.float32]) -> NDArray[np.float32]:
        seen.append(planes.shape[2])
        return np.array([first if len(seen) == 1 else 0.7], dtype=np.float32)

    plain = brightness_detector("nudity.explicit", FakeSession(answer))
    detector = replace(plain, spec=replace(plain.spec, thorough_side_px=64))

    scores = detector.score(np.zeros((50, 50, 3), dtype=np.uint8), Look(thorough))

    assert seen == sides
    expected = max(first, 0.7) if len(sides) > 1 else first
    assert scores.labels["nudity.explicit"] == pytest.approx(expected)


def glancing_detector(session: FakeSession) -> Detector:
    """One that looks at 64 px, after a glance at 32 by the same session."""
    quick = brightness_detector("violence.blood", session)
    spec = replace(quick.spec, side_px=64, multiple=64, glance=Glance(quick.spec, 0.05))
    return Detector(spec, session, quick)


@pytest.mark.parametrize(
    ("thorough", "glanced", "sides"),
    [
        ("never", 0.04, [32]),
        ("never", 0.06, [32, 64]),
        ("uncertain", 0.04, [32]),
        ("always", 0.04, [64]),
    ],
)
def test_a_glance_settles_what_shows_nothing(
    thorough: Thorough, glanced: float, sides: list[int]
) -> None:
    seen: list[int] = []

    def answer(planes: NDArray[np.float32]) -> NDArray[np.float32]:
        seen.append(planes.shape[2])
        return np.array([glanced if planes.shape[2] == 32 else 0.7], dtype=np.float32)

    scores = glancing_detector(FakeSession(answer)).score(
        np.zeros((50, 50, 3), dtype=np.uint8), Look(thorough)
    )

    assert seen == sides
    assert scores.labels["violence.blood"] == pytest.approx(0.7 if 64 in sides else glanced)


def test_all_networks_are_run_before_the_first_picture() -> None:
    seen: list[int] = []

    def note(planes: NDArray[np.float32]) -> NDArray[np.float32]:
        seen.append(planes.shape[2])
        return np.zeros(1, dtype=np.float32)

    glancing_detector(FakeSession(note)).warm_up()

    assert sorted(seen) == [32, 64]


@pytest.mark.parametrize("name", photographs())
def test_what_the_glance_settles_no_shipped_policy_minds_in_full(name: str) -> None:
    (detector,) = load_detectors([hazards.SPEC])
    assert detector.glance
    image = photographs()[name]

    assert detector.score(image) == detector.glance.score(image) != detector.score(image, ALWAYS)
    assert max(detector.score(image, ALWAYS).labels.values()) < 0.25


def test_what_the_glance_leaves_in_doubt_is_looked_at_in_full() -> None:
    (detector,) = load_detectors([hazards.SPEC])
    assert detector.glance
    flag_and_hair = np.asarray(photo("astronaut"))[:128, 256:384]

    assert detector.glance.score(flag_and_hair).labels["drugs.tobacco"] > 0.2
    assert detector.score(flag_and_hair) == detector.score(flag_and_hair, ALWAYS)


def test_a_score_that_is_no_number_is_an_error_and_no_answer() -> None:
    for labels in ({"a.b": np.nan, "c.d": 0.5}, {"a.b": 0.5, "c.d": np.nan}):
        scored = Scores({}, labels)
        spec = replace(brightness_detector().spec, interpret=lambda *_, scored=scored: scored)
        detector = replace(brightness_detector(), spec=spec)

        with pytest.raises(InternalError, match="not a number"):
            detector.score(np.asarray(photo("coffee")))


def test_a_wrong_way_of_looking_is_not_taken_for_another() -> None:
    with pytest.raises(ValueError, match="thorough"):
        Look(thorough="alway")  # type: ignore[arg-type]
