"""Nudity: NudeNet v3 (320n), a YOLOv8 detector of body parts, from the `nudenet` package's file.

The Python class of that package is not used: it copies the full-size picture into a square,
ignores EXIF orientation, and looks at each of 2,100 anchors in a loop.

References
----------
.. [1] notAI-tech/NudeNet, v3.4: `nudenet/nudenet.py`, for the classes and both thresholds.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worksafe.models.boxes import Boxes, suppress_overlaps
from worksafe.models.nudity_graph import make_lean
from worksafe.models.spec import DetectorSpec, Label, Placement, WeightsFile, category_scores
from worksafe.results import Box, Region, Scores

EXPLICIT = "nudity.explicit"
SUGGESTIVE = "nudity.suggestive"

# The network's classes in its own order, each with the label it belongs to (None: no nudity).
CLASSES: tuple[tuple[str, str | None], ...] = (
    ("FEMALE_GENITALIA_COVERED", SUGGESTIVE),
    ("FACE_FEMALE", None),
    ("BUTTOCKS_EXPOSED", EXPLICIT),
    ("FEMALE_BREAST_EXPOSED", EXPLICIT),
    ("FEMALE_GENITALIA_EXPOSED", EXPLICIT),
    ("MALE_BREAST_EXPOSED", SUGGESTIVE),
    ("ANUS_EXPOSED", EXPLICIT),
    ("FEET_EXPOSED", None),
    ("BELLY_COVERED", None),
    ("FEET_COVERED", None),
    ("ARMPITS_COVERED", None),
    ("ARMPITS_EXPOSED", None),
    ("FACE_MALE", None),
    ("BELLY_EXPOSED", SUGGESTIVE),
    ("MALE_GENITALIA_EXPOSED", EXPLICIT),
    ("ANUS_COVERED", SUGGESTIVE),
    ("FEMALE_BREAST_COVERED", SUGGESTIVE),
    ("BUTTOCKS_COVERED", SUGGESTIVE),
)

LABELS = (
    Label(EXPLICIT, "exposed genitals, anus, female breast or buttocks"),
    Label(
        SUGGESTIVE,
        "the same parts covered (underwear, swimwear, tight clothes), bare chest or belly",
        counts=False,
    ),
)

LABELLED = np.array([label is not None for _, label in CLASSES])
_CLASSES_OF = {
    label.name: [i for i, (_, of) in enumerate(CLASSES) if of == label.name] for label in LABELS
}

MIN_REGION_SCORE = 0.25

_COORDINATES = 4  # of a box, before the scores of its classes


def decode_boxes(
    output: NDArray[np.float32], placement: Placement
) -> tuple[Boxes, NDArray[np.float32]]:
    """Turn the network's raw output into boxes and class scores.

    Parameters
    ----------
    output : ndarray of float32, shape (1, 4 + classes, anchors)
        Centre x, centre y, width, height in the input's pixels, then a score for each class.
    placement : Placement
        Where the picture lies in the input: boxes are cut off at its edges.

    Returns
    -------
    boxes : ndarray of float32, shape (anchors, 4)
        Left, top, width, height in the input's pixels.
    scores : ndarray of float32, shape (anchors, classes)
    """
    rows = output[0].T
    centre, size = rows[:, :2], rows[:, 2:4]
    limit = np.array([placement.width, placement.height], dtype=np.float32)
    upper_left = np.clip(centre - size / 2, 0, limit)
    lower_right = np.clip(centre + size / 2, upper_left, limit)
    return np.hstack([upper_left, lower_right - upper_left]), rows[:, _COORDINATES:]


def interpret(outputs: Sequence[NDArray[Any]], placement: Placement) -> Scores:
    """Turn the network's output into scores and regions.

    A label's score is the highest of its classes' over all anchors, below the threshold of a
    region too: a number between 0 and 1 that can be compared, not "nothing found".

    Parameters
    ----------
    outputs : sequence of ndarray
        One, float32, shape (1, 22, anchors).
    placement : Placement
        Where the picture lies in the input.

    Returns
    -------
    Scores
    """
    (output,) = outputs
    best = output[0, _COORDINATES:].max(axis=1)
    # NumPy's maximum is not a number where one of them is none; Python's forgets that.
    labels = {name: float(best[classes].max()) for name, classes in _CLASSES_OF.items()}
    return Scores(category_scores(LABELS, labels), labels, _regions(output, placement))


def _regions(output: NDArray[np.float32], placement: Placement) -> tuple[Region, ...]:
    is_wanted = (output[0, _COORDINATES:][LABELLED] > MIN_REGION_SCORE).any(axis=0)
    boxes, scores = decode_boxes(output[..., is_wanted], placement)  # of few anchors, if any
    anchors, classes = np.nonzero((scores > MIN_REGION_SCORE) & LABELLED)
    if not anchors.size:
        return ()
    certain = scores[anchors, classes]
    kept = suppress_overlaps(boxes[anchors], certain, classes)
    unit = np.array([placement.width, placement.height] * 2)
    return tuple(
        Region(
            label=str(CLASSES[classes[i]][1]),
            detector_class=CLASSES[classes[i]][0],
            score=float(certain[i]),
            box=_as_box(boxes[anchors[i]] / unit),
        )
        for i in kept
    )


def _as_box(values: NDArray[np.float64]) -> Box:
    x, y, width, height = (float(value) for value in values)
    return x, y, width, height


def adapt(model: bytes) -> bytes:
    """Answer the same in less time, without boxes that would not become regions: decision 25."""
    return make_lean(model, LABELLED.tolist(), MIN_REGION_SCORE)


SPEC = DetectorSpec(
    name="nudenet-320n",
    version="3.4",
    licence="AGPL-3.0",
    source="the Python package nudenet 3.4.2 (notAI-tech/NudeNet), file 320n.onnx",
    weights=WeightsFile(
        package="nudenet",
        filename="320n.onnx",
        sha256="c15d8273adad2d0a92f014cc69ab2d6c311a06777a55545f2c4eb46f51911f0f",
    ),
    labels=LABELS,
    fit="letterbox",
    side_px=320,
    thorough_side_px=640,
    multiple=32,
    colour_order="rgb",  # docs/decisions/0005
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    outputs=("output0",),
    adapt=adapt,
    interpret=interpret,
    calibrated=False,  # no labelled pictures of nudity are at hand to fit or test a calibration
)
