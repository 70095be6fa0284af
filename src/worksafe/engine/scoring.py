"""Pixels to scores: each detector's own preparation, its network, its interpretation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worksafe.engine.session import OnnxSession, Session
from worksafe.images.decode import View
from worksafe.images.resize import RgbImage, letterbox, normalise, resize_image
from worksafe.models.spec import DetectorSpec, Placement
from worksafe.models.weights import read_weights
from worksafe.results import ImageScores, Region, Scores


@dataclass(frozen=True, slots=True)
class Detector:
    """A detector that is loaded: what it is, and its running network."""

    spec: DetectorSpec
    session: Session

    def score(self, image: RgbImage) -> Scores:
        """Score one picture.

        Parameters
        ----------
        image : ndarray of uint8, shape (h, w, 3)
            Upright RGB, 0 to 255.

        Returns
        -------
        Scores
        """
        planes, placement = prepare(image, self.spec)
        return self.spec.interpret(self.session.run(planes, self.spec.outputs), placement)


def load_detectors(specs: Iterable[DetectorSpec]) -> tuple[Detector, ...]:
    """Load detectors' weights; to be called after a server has forked, never before.

    Parameters
    ----------
    specs : iterable of DetectorSpec
        Which.

    Returns
    -------
    tuple of Detector

    Raises
    ------
    WeightsError
        If weights are absent, or not the ones that the spec names.
    """
    return tuple(Detector(spec, OnnxSession(read_weights(spec.weights))) for spec in specs)


def prepare(image: RgbImage, spec: DetectorSpec) -> tuple[NDArray[np.float32], Placement]:
    """Turn a picture into a detector's input.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w, 3)
        Upright RGB, 0 to 255.
    spec : DetectorSpec
        Size, fit and scale of the input.

    Returns
    -------
    planes : ndarray of float32, shape (1, 3, height, width)
    placement : Placement
        Where the picture lies in it.
    """
    if spec.fit == "stretch":
        fitted = resize_image(image, spec.side_px, spec.side_px)
        placement = Placement(spec.side_px, spec.side_px)
    else:
        fitted, scale = letterbox(image, spec.side_px, spec.multiple)
        placement = Placement(image.shape[1] * scale, image.shape[0] * scale)
    return normalise(fitted, spec.mean, spec.std, spec.colour_order), placement


def score_image(views: Sequence[View], detectors: Sequence[Detector]) -> ImageScores:
    """Score all views of an image and keep the highest of each label.

    Parameters
    ----------
    views : sequence of View
        At least one.
    detectors : sequence of Detector
        All that apply.

    Returns
    -------
    ImageScores
    """
    categories: dict[str, float] = {}
    labels: dict[str, float] = {}
    frame_of: dict[str, int] = {}
    regions_of: dict[str, list[Region]] = {}
    for view in views:
        for detector in detectors:
            scores = detector.score(view.pixels)
            for highest, found in ((categories, scores.categories), (labels, scores.labels)):
                for name, score in found.items():
                    if name not in highest or score > highest[name]:
                        highest[name] = score
                        frame_of[name] = view.frame
                        regions_of[name] = [r for r in scores.regions if r.label == name]
    regions = sorted(
        (region for some in regions_of.values() for region in some),
        key=lambda region: region.score,
        reverse=True,
    )
    is_still = len({view.frame for view in views}) == 1
    return ImageScores(Scores(categories, labels, tuple(regions)), {} if is_still else frame_of)
