"""Real classes that stand in for models, passed in where tests need to say what is found."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worksafe.engine.scoring import Detector
from worksafe.models.registry import LABELS
from worksafe.models.spec import DetectorSpec, Label, Placement, WeightsFile, category_scores
from worksafe.results import Region, Scores


class FakeSession:
    """A session that answers with the mean of each plane, as a network would answer logits."""

    def __init__(self, answer: Callable[[NDArray[np.float32]], NDArray[Any]] | None = None) -> None:
        self._answer = answer or (lambda planes: planes.mean(axis=(2, 3)))

    def run(self, planes: NDArray[np.float32], outputs: Sequence[str]) -> list[NDArray[Any]]:
        return [self._answer(planes) for _ in outputs]


def brightness_detector(
    label: str = "violence.blood", session: FakeSession | None = None
) -> Detector:
    """A detector whose score for one label is how bright a picture is."""
    shown = LABELS[label]

    def interpret(outputs: Sequence[NDArray[Any]], placement: Placement) -> Scores:  # noqa: ARG001
        score = float(np.clip(outputs[0].mean(), 0, 1))
        region = Region(label, "BRIGHT", score, (0.0, 0.0, 1.0, 1.0))
        return Scores(category_scores([shown], {label: score}), {label: score}, (region,))

    spec = DetectorSpec(
        name="brightness",
        version="1",
        licence="GPL-3.0-or-later",
        source="tests",
        weights=WeightsFile("tests", "none", "0" * 64),
        labels=(Label(label, "brightness", counts=shown.counts),),
        fit="stretch",
        side_px=32,
        multiple=32,
        colour_order="rgb",
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        outputs=("mean",),
        interpret=interpret,
        calibrated=False,
    )
    return Detector(spec, session or FakeSession())
