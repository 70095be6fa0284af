"""One detector, loaded, and one picture: preparation, network, interpretation, a second pass."""

import math
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from worksafe.choices import Thorough
from worksafe.engine.combining import combine
from worksafe.engine.runtime import PORTABLE, Runtime, open_session
from worksafe.engine.session import Session
from worksafe.errors import InternalError
from worksafe.images.resize import RgbImage, letterbox, normalise, resize_image
from worksafe.models.spec import DetectorSpec, Placement
from worksafe.models.weights import read_weights
from worksafe.results import Scores

_UNCERTAIN = (0.02, 0.8)  # a label's score that a second pass may change


@dataclass(frozen=True, slots=True)
class Look:
    """How closely pictures are looked at.

    Attributes
    ----------
    thorough : {"never", "uncertain", "always"}
        When detectors that miss small things pass a second time, over a larger input; with
        ``always`` no glance settles anything.
    maps : bool
        Whether detectors say which places speak for a label.

    Raises
    ------
    ValueError
        If `thorough` is none of the three.
    """

    thorough: Thorough
    maps: bool = False

    def __post_init__(self) -> None:
        """Refuse what would be taken for "never"."""
        if self.thorough not in get_args(Thorough):
            msg = f"thorough must be one of {get_args(Thorough)}, not {self.thorough!r}"
            raise ValueError(msg)

    def side_px(self, specs: Iterable[DetectorSpec]) -> int:
        """Return the longest side that some detectors want of a picture."""
        return max(
            spec.side_px
            if self.thorough == "never"
            else max(spec.side_px, spec.thorough_side_px or 0)
            for spec in specs
        )


PLAIN = Look("never")


@dataclass(frozen=True, slots=True)
class Detector:
    """A detector that is loaded: what it is, its running network and its glance's, what runs it."""

    spec: DetectorSpec
    session: Session
    glance: "Detector | None" = None
    runtime: Runtime = PORTABLE

    def score(self, image: RgbImage, look: Look = PLAIN) -> Scores:
        """Score one picture.

        Parameters
        ----------
        image : ndarray of uint8, shape (h, w, 3)
            Upright RGB, 0 to 255.
        look : Look, optional
            How closely.

        Returns
        -------
        Scores

        Raises
        ------
        InternalError
            If a score is not a number.
        """
        settled = self._settle(image, look)
        if settled is not None:
            return settled
        first = self._pass(image, self.spec.side_px, look)
        larger_px = self.spec.thorough_side_px
        if larger_px is None or not _asks_for_more(first, look):
            return first
        return combine([first, self._pass(image, larger_px, look)])

    def warm_up(self) -> None:
        """Run each network once, on a grey picture: the first run is the slowest."""
        side_px = self.spec.side_px
        self._pass(np.full((side_px, side_px, 3), 128, dtype=np.uint8), side_px, PLAIN)
        if self.glance:
            self.glance.warm_up()

    def _settle(self, image: RgbImage, look: Look) -> Scores | None:
        """Glance at a picture; None where that does not settle it."""
        if self.spec.glance is None or self.glance is None or look.thorough == "always":
            return None
        scores = self.glance.score(image, look)
        in_doubt = max(scores.labels.values()) >= self.spec.glance.settles_below
        return None if in_doubt else scores

    def _pass(self, image: RgbImage, side_px: int, look: Look) -> Scores:
        planes, placement = prepare(image, self.spec, side_px)
        wanted = (*self.spec.outputs, *(self.spec.maps if look.maps else ()))
        scores = self.spec.interpret(self.session.run(planes, wanted), placement)
        if not all(map(math.isfinite, scores.labels.values())):  # no threshold would be reached
            msg = f"the detector {self.spec.name} gave a score that is not a number"
            raise InternalError(msg)
        return scores


def _asks_for_more(first: Scores, look: Look) -> bool:
    if look.thorough == "uncertain":
        return any(_UNCERTAIN[0] <= score < _UNCERTAIN[1] for score in first.labels.values())
    return look.thorough == "always"


def load_detectors(
    specs: Iterable[DetectorSpec], runtime: Runtime = PORTABLE, streams: int = 1
) -> tuple[Detector, ...]:
    """Load detectors' weights; to be called after a server has forked, never before.

    Parameters
    ----------
    specs : iterable of DetectorSpec
        Which.
    runtime : Runtime, optional
        What runs them.
    streams : int, optional
        Runs at once at most, where the runtime wants to know.

    Returns
    -------
    tuple of Detector

    Raises
    ------
    WeightsError
        If weights are absent, or not the ones that the spec names.
    """

    def load(spec: DetectorSpec) -> Detector:
        glance = load(spec.glance.spec) if spec.glance else None
        model = spec.adapt(read_weights(spec.weights))
        session = open_session(model, runtime, streams, eight_bits=spec.eight_bits)
        return Detector(spec, session, glance, runtime)

    with ThreadPoolExecutor() as pool:  # side by side a server is ready in two thirds of the time
        return tuple(pool.map(load, specs))


def prepare(
    image: RgbImage, spec: DetectorSpec, side_px: int | None = None
) -> tuple[NDArray[np.float32], Placement]:
    """Turn a picture into a detector's input.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w, 3)
        Upright RGB, 0 to 255.
    spec : DetectorSpec
        Fit and scale of the input.
    side_px : int, optional
        Its longest side, in pixels; the spec's where not given.

    Returns
    -------
    planes : ndarray of float32, shape (1, 3, height, width)
    placement : Placement
        Where the picture lies in it.
    """
    side_px = spec.side_px if side_px is None else side_px
    if spec.fit == "stretch":
        fitted = resize_image(image, side_px, side_px)
        placement = Placement(side_px, side_px)
    else:
        fitted, scale = letterbox(image, side_px, spec.multiple)
        placement = Placement(image.shape[1] * scale, image.shape[0] * scale)
    return normalise(fitted, spec.mean, spec.std, spec.colour_order), placement
