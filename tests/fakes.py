"""Real classes that stand in for models, passed in where tests need to say what is found."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worksafe import Moderator, Settings
from worksafe.engine.detector import Detector
from worksafe.models.registry import LABELS
from worksafe.models.spec import DetectorSpec, Label, Placement, WeightsFile, category_scores
from worksafe.policy.shadow import Counts, Shadow
from worksafe.results import Moderation, Region, Scores


class FakeSession:
    """A session that answers with the mean of each plane, as a network would answer logits."""

    def __init__(self, answer: Callable[[NDArray[np.float32]], NDArray[Any]] | None = None) -> None:
        self._answer = answer or (lambda planes: planes.mean(axis=(2, 3)))

    def run(self, planes: NDArray[np.float32], outputs: Sequence[str]) -> list[NDArray[Any]]:
        return [self._answer(planes) for _ in outputs]


def colour_detector(label: str, rgb: tuple[int, int, int], *, maps: bool = False) -> Detector:
    """A detector that finds things of one colour: as one region, or on a map of 16 by 16 places.

    Its score is 1 where a hundredth of the picture has the colour.
    """
    shown = LABELS[label]
    wanted = np.array(rgb, dtype=np.float32)[:, None, None] / 255

    def interpret(outputs: Sequence[NDArray[Any]], placement: Placement) -> Scores:  # noqa: ARG001
        planes = outputs[0][0]
        has_it = np.abs(planes - wanted).max(axis=0) < 0.2
        score = min(1.0, 100 * float(has_it.mean()))
        scores = category_scores([shown], {label: score}), {label: score}
        if maps:
            places = has_it.reshape(16, 4, 16, 4).mean(axis=(1, 3)).tolist()
            return Scores(*scores, maps={label: places} if len(outputs) > 1 else {})
        if not has_it.any():
            return Scores(*scores)
        rows, columns = np.flatnonzero(has_it.any(axis=1)), np.flatnonzero(has_it.any(axis=0))
        left, right = int(columns[0]), int(columns[-1]) + 1
        top, bottom = int(rows[0]), int(rows[-1]) + 1
        box = (left / 64, top / 64, (right - left) / 64, (bottom - top) / 64)
        return Scores(*scores, (Region(label, "COLOUR", score, box),))

    spec = replace(
        brightness_detector(label).spec,
        side_px=64,
        multiple=64,
        interpret=interpret,
        maps=("maps",) if maps else (),
    )
    return Detector(spec, FakeSession(lambda planes: planes))


def brightness_detector(
    label: str = "violence.fighting", session: FakeSession | None = None
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


def counts_of(shadow: Shadow) -> Counts:
    """Images by both decisions, of the shadow as it is now and over all active policies."""
    return sum(shadow.by_policy(shadow.policy.info).values(), Counter())


class CountingSession(FakeSession):
    """Counts how often a network runs."""

    def __init__(self) -> None:
        super().__init__(self._count)
        self.runs = 0

    def _count(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        self.runs += 1
        mean: NDArray[np.float32] = planes.mean(axis=(2, 3))
        return mean


def counted(**settings: object) -> tuple[Moderator, CountingSession]:
    """A moderator, and the session that counts its looks at pictures."""
    session = CountingSession()
    detector = brightness_detector(session=session)
    return Moderator(Settings(**settings), detectors=[detector]), session  # type: ignore[arg-type]


def said(result: Moderation) -> tuple[object, ...]:
    """All of a result that is the same however often an image is checked."""
    return result.decision, result.scores, result.frames, result.image, result.reasons
