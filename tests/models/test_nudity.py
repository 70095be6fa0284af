import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nudenet import nudenet as package
from numpy.typing import NDArray

from pictures import photographs
from worksafe.engine.detector import load_detectors, prepare
from worksafe.engine.session import OnnxSession
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.models import nudity
from worksafe.models.boxes import suppress_overlaps
from worksafe.models.spec import Placement
from worksafe.models.weights import read_weights

Boxes = list[tuple[str, float, NDArray[np.float64]]]


@pytest.fixture(scope="module")
def session() -> OnnxSession:
    return OnnxSession(read_weights(nudity.SPEC.weights))


def as_the_package_does(session: OnnxSession, bgr: NDArray[np.uint8]) -> tuple[Boxes, Boxes]:
    """Boxes of the package's own code and of ours, from the package's own input."""
    height, width = bgr.shape[:2]
    planes, *geometry = package._read_image(bgr, 320)
    x_ratio, y_ratio, x_pad, y_pad, _, _ = geometry
    outputs = session.run(planes, ["output0"])
    theirs = package._postprocess(outputs, x_pad, y_pad, x_ratio, y_ratio, width, height, 320, 320)
    longest = max(width, height)
    placement = Placement(320 * width / longest, 320 * height / longest)
    boxes, scores = nudity.decode_boxes(outputs[0], placement)
    anchors, classes = np.nonzero(scores > nudity.MIN_REGION_SCORE)
    certain = scores[anchors, classes]
    kept = suppress_overlaps(boxes[anchors], certain, np.zeros_like(classes))
    ours = [
        (
            nudity.CLASSES[classes[i]][0],
            float(certain[i]),
            np.trunc(boxes[anchors[i]].astype(np.float64) * longest / 320),
        )
        for i in kept
    ]
    return [(d["class"], d["score"], np.array(d["box"], dtype=float)) for d in theirs], ours


def overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Intersection over union of two boxes, edges counted as pixels (both are whole numbers)."""
    low = np.maximum(a[:2], b[:2])
    high = np.minimum(a[:2] + a[2:], b[:2] + b[2:]) + 1
    shared = float(np.clip(high - low, 0, None).prod())
    return shared / float((a[2:] + 1).prod() + (b[2:] + 1).prod() - shared)


def assert_same(theirs: Boxes, ours: Boxes, name: str) -> None:
    assert len(theirs) == len(ours), name
    for (their_class, their_score, their_box), (our_class, our_score, our_box) in zip(
        sorted(theirs, key=lambda d: -d[1]), sorted(ours, key=lambda d: -d[1]), strict=True
    ):
        assert their_class == our_class, name
        assert their_score == pytest.approx(our_score, abs=1e-3), name
        assert overlap(their_box, our_box) > 0.99, (name, their_box, our_box)


@pytest.mark.parametrize("name", photographs())
def test_boxes_equal_the_packages_from_the_same_input(name: str, session: OnnxSession) -> None:
    bgr = np.ascontiguousarray(photographs()[name][:, :, ::-1])

    theirs, ours = as_the_package_does(session, bgr)

    assert_same(theirs, ours, name)


def test_boxes_equal_the_packages_on_300_photographs_with_people(
    session: OnnxSession, labelled_pictures: Path
) -> None:
    kinds = {"portrait", "people", "people_action", "person_action", "person_gesture"}
    with (labelled_pictures / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["sublabel"] in kinds]
    boxes = 0
    for row in rows[:: len(rows) // 300][:300]:
        decoded = decode_image(labelled_pictures / row["path"], ImageLimits(), 320)
        bgr = np.ascontiguousarray(decoded.views[0].pixels[:, :, ::-1])

        theirs, ours = as_the_package_does(session, bgr)

        boxes += len(theirs)
        assert_same(theirs, ours, row["path"])
    assert boxes > 300


def rows(*boxes: tuple[float, float, float, float, str, float]) -> NDArray[np.float32]:
    """A raw output with one anchor for each (centre x, y, width, height, class, score)."""
    output = np.zeros((1, 4 + len(nudity.CLASSES), len(boxes)), dtype=np.float32)
    names = [name for name, _ in nudity.CLASSES]
    for anchor, (x, y, width, height, name, score) in enumerate(boxes):
        output[0, :4, anchor] = (x, y, width, height)
        output[0, 4 + names.index(name), anchor] = score
    return output


def test_a_covered_part_does_not_hide_an_exposed_one_in_the_same_place() -> None:
    output = rows(
        (100, 100, 50, 50, "FEMALE_BREAST_COVERED", 0.9),
        (101, 100, 50, 50, "FEMALE_BREAST_EXPOSED", 0.6),
        (102, 100, 50, 50, "FEMALE_BREAST_EXPOSED", 0.5),
    )

    scores = nudity.interpret([output], Placement(320, 320))

    assert [region.detector_class for region in scores.regions] == [
        "FEMALE_BREAST_COVERED",
        "FEMALE_BREAST_EXPOSED",
    ]
    assert scores.labels == pytest.approx({nudity.EXPLICIT: 0.6, nudity.SUGGESTIVE: 0.9})
    assert scores.categories == pytest.approx({"nudity": 0.6})


def test_boxes_are_fractions_of_the_picture_and_stay_inside_it() -> None:
    output = rows((0, 120, 64, 480, "BUTTOCKS_EXPOSED", 0.8))

    (region,) = nudity.interpret([output], Placement(320, 240)).regions

    assert region.box == pytest.approx((0.0, 0.0, 0.1, 1.0))


def test_a_score_below_the_regions_threshold_is_still_reported() -> None:
    scores = nudity.interpret([rows((50, 50, 9, 9, "ANUS_EXPOSED", 0.2))], Placement(320, 320))

    assert scores.regions == ()
    assert scores.labels[nudity.EXPLICIT] == pytest.approx(0.2)


@pytest.mark.parametrize("name", [name for name, label in nudity.CLASSES if label])
def test_a_class_that_is_not_a_number_is_not_passed_over(name: str) -> None:
    scores = nudity.interpret([rows((50, 50, 9, 9, name, math.nan))], Placement(320, 320))

    assert any(map(math.isnan, scores.labels.values()))


def test_faces_feet_and_armpits_are_no_nudity() -> None:
    output = rows(
        (50, 50, 9, 9, "FACE_FEMALE", 0.9),
        (90, 50, 9, 9, "FEET_EXPOSED", 0.9),
        (130, 50, 9, 9, "ARMPITS_EXPOSED", 0.9),
    )

    scores = nudity.interpret([output], Placement(320, 320))

    assert scores.regions == ()
    assert max(scores.labels.values()) == 0


def test_regions_stay_in_place_when_the_picture_is_larger(labelled_pictures: Path) -> None:
    """A face found in a picture is found in the same place when the picture is enlarged."""
    (detector,) = load_detectors([nudity.SPEC])
    with (labelled_pictures / "manifest.csv").open(newline="") as file:
        rows_ = [row for row in csv.DictReader(file) if row["sublabel"] == "portrait"]
    decoded = decode_image(labelled_pictures / rows_[0]["path"], ImageLimits(), 320)
    small = decoded.views[0].pixels
    large: Any = np.repeat(np.repeat(small, 4, axis=0), 4, axis=1)

    def best_face(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        planes, placement = prepare(pixels, detector.spec)
        (output,) = detector.session.run(planes, ["output0"])
        boxes, scores = nudity.decode_boxes(output, placement)
        best = boxes[scores[:, [1, 12]].max(axis=1).argmax()]
        return np.asarray(
            best / np.array([placement.width, placement.height] * 2), dtype=np.float64
        )

    np.testing.assert_allclose(best_face(small), best_face(large), atol=0.03)
