"""Pixels to scores: each detector's own preparation, its network, its interpretation."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from worksafe.choices import Thorough
from worksafe.engine.combining import combine, highest, join_parts
from worksafe.engine.idle import IdlePlaces
from worksafe.engine.runtime import PORTABLE, Runtime, open_session
from worksafe.engine.session import Session
from worksafe.errors import InternalError
from worksafe.images.parts import Part, cut_into_parts
from worksafe.images.pictures import Pictures, View
from worksafe.images.resize import RgbImage, letterbox, normalise, resize_image
from worksafe.models.spec import DetectorSpec, Placement
from worksafe.models.weights import read_weights
from worksafe.results import FrameScores, ImageScores, Scores

SECOND_LOOK = 0.18  # a score that a policy may mind
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
        """Tell the longest side that some detectors want of a picture."""
        return max(
            spec.side_px
            if self.thorough == "never"
            else max(spec.side_px, spec.thorough_side_px or 0)
            for spec in specs
        )


PLAIN = Look("never")


@dataclass(frozen=True, slots=True)
class Detector:
    """A detector that is loaded: what it is, its running network, and that of its glance."""

    spec: DetectorSpec
    session: Session
    glance: "Detector | None" = None

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
            If a score is no number.
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
            msg = f"the detector {self.spec.name} gave a score that is no number"
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
        return Detector(spec, session, glance)

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


def score_image(
    pictures: Pictures,
    detectors: Sequence[Detector],
    idle: IdlePlaces,
    before_each: Callable[[View], None] = lambda _: None,
    look: Look = PLAIN,
) -> ImageScores:
    """Score all views of an image and keep the highest of each label.

    Parameters
    ----------
    pictures : Pictures
        The image's.
    detectors : sequence of Detector
        All that apply.
    idle : IdlePlaces
        Where they run at once.
    before_each : callable, optional
        Called with each view before it is scored, and before each of its parts; what it raises
        ends the work.
    look : Look, optional
        How closely.

    Returns
    -------
    ImageScores

    Raises
    ------
    InternalError
        If there was nothing to look at, or a score is no number.
    """
    scored = _score_frames(pictures.views, _Looking(detectors, idle, before_each, look))
    latest = {one.frame: one for one in scored}
    frames = [latest[frame] for frame in sorted(latest)]
    is_video = pictures.duration_s is not None
    return summarise(frames, pictures.unseen, is_video=is_video)


def summarise(frames: Sequence[FrameScores], unseen: float, *, is_video: bool) -> ImageScores:
    """Make the scores of an image from those of its frames.

    Parameters
    ----------
    frames : sequence of FrameScores
        Each frame that was checked once, in order.
    unseen : float
        How far the frame that is least like any of them differs from it, 0 to 1.
    is_video : bool
        Whether it is a film.

    Returns
    -------
    ImageScores

    Raises
    ------
    InternalError
        If there are no frames: what was not looked at must not pass.
    """
    if not frames:
        raise InternalError("nothing of the image was looked at")
    scores, winners = highest([frame.scores for frame in frames])
    frame_of = {name: frames[index].frame for name, index in winners.items()}
    has_several = is_video or len(frames) > 1
    return ImageScores(
        scores, frame_of if has_several else {}, tuple(frames), unseen, is_video=is_video
    )


def _score_frames(views: Iterable[View], looking: "_Looking") -> Iterator[FrameScores]:
    """Score views, those of one frame together, with a second look around what shows something.

    Of each frame it gives the highest scores over its views; a second look's come after those
    that asked for it, and once more if the frame turns out to be a still.
    """
    done: dict[int, Scores] = {}
    for frame, same_frame in groupby(views, key=lambda view: view.frame):
        some = list(same_frame)
        is_known = frame in done  # it was looked at for one before it
        if not is_known:
            done[frame] = combine([looking.score(view) for view in some])
        if not is_known or some[0].is_still:
            yield FrameScores(frame, some[0].time_s, done[frame], some[0].is_still)
        if max(done[frame].labels.values(), default=0.0) >= SECOND_LOOK:
            for near in some[0].around:
                if near.frame not in done:
                    done[near.frame] = looking.score(near)
                    yield FrameScores(near.frame, near.time_s, done[near.frame])


@dataclass(frozen=True, slots=True)
class _Looking:
    """All detectors, looking at the views of one file, one after the other."""

    detectors: Sequence[Detector]
    idle: IdlePlaces
    before_each: Callable[[View], None]
    look: Look
    known: dict[bytes, Scores] = field(default_factory=dict)  # parts that other views show, too

    def score(self, view: View) -> Scores:
        """Score a view, and the parts of a long one."""
        seen_px = PLAIN.side_px(detector.spec for detector in self.detectors)
        whole = self._score(view, view.pixels)
        parts = cut_into_parts(view.pixels, seen_px)
        scores = join_parts(whole, [(self._score_part(view, part), part.box) for part in parts])
        # Places in a preview are no places in the picture.
        return replace(scores, regions=(), maps={}) if view.is_preview else scores

    def _score_part(self, view: View, part: Part) -> Scores:
        key = part.key
        if key not in self.known:
            self.known[key] = self._score(view, part.pixels)
        return self.known[key]

    def _score(self, view: View, pixels: RgbImage) -> Scores:
        self.before_each(view)
        scored = self.idle.map(lambda detector: detector.score(pixels, self.look), self.detectors)
        return combine(scored)
