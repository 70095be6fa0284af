"""The words that every part shares: scores, reasons, decisions and the results that hold them."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Literal

TAXONOMY = "1"
UNSEEN = "unseen"  # the rule about frames that were not checked

# What answers hold, and policies decide on: so that stored answers are decided alike.
SCORE_DIGITS = 4
TIME_DIGITS = 2


def category_of(label: str) -> str:
    """Return the category of a ``category.label``; a category is its own."""
    return label.partition(".")[0]


class Action(StrEnum):
    """What to do with an image; also the decision on it, and on a set of them."""

    ALLOW = "allow"
    REVIEW = "review"
    BLOCK = "block"

    @property
    def severity(self) -> int:
        """0 for allow, 1 for review, 2 for block."""
        return list(Action).index(self)


# x, y, width, height, as fractions of the upright picture.
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Region:
    """Where in an image something is shown.

    Attributes
    ----------
    label : str
        ``category.label``.
    detector_class : str
        The detector's own name for it.
    score : float
        0 to 1.
    box : Box
        x, y, width, height, as fractions of the upright image.
    """

    label: str
    detector_class: str
    score: float
    box: Box


# How much each place of a picture speaks for a label, in log-odds: rows from the top, each from
# the left, over the whole upright picture.
HeatMap = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Scores:
    """What the detectors say about one view of an image, or about all of an image's views.

    Attributes
    ----------
    categories : mapping of str to float
        Probability that any of the category's counting labels is shown.
    labels : mapping of str to float
        Probability by ``category.label``.
    regions : tuple of Region
        The most certain first.
    maps : mapping of str to HeatMap
        By ``category.label``, where asked for, of labels that may be minded.
    """

    categories: Mapping[str, float]
    labels: Mapping[str, float]
    regions: tuple[Region, ...] = ()
    maps: Mapping[str, HeatMap] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FrameScores:
    """Scores of one frame.

    Attributes
    ----------
    frame : int
        Which, from 0.
    time_s : float
        When it is shown, in seconds from the start.
    scores : Scores
    is_still : bool
        Of a video: a cover picture, a slide or what stands for long, which no frame beside it can
        confirm.
    """

    frame: int
    time_s: float
    scores: Scores
    is_still: bool = False


@dataclass(frozen=True, slots=True)
class ImageScores:
    """Scores of an image: for each label the highest over its frames.

    Attributes
    ----------
    scores : Scores
        The regions and the map of a label are those of the frame that scored highest for it.
    frame_of : mapping of str to int
        Category or ``category.label`` to the frame that scored highest for it; empty for a
        still picture.
    frames : tuple of FrameScores
        Each frame that was checked, in order; one for a still picture.
    unseen : float
        How far the frame that is least like any that was checked differs from it, 0 to 1.
    is_video : bool
        A film: so many frames are checked that one by itself says little.
    """

    scores: Scores
    frame_of: Mapping[str, int]
    frames: tuple[FrameScores, ...] = ()
    unseen: float = 0.0
    is_video: bool = False


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an image is not simply allowed.

    Attributes
    ----------
    rule : str
        The policy's rule that was reached: a category, a ``category.label``, or ``unseen``.
    category : str
        Of the rule; ``unseen`` of itself.
    label : str or None
        The ``category.label`` that reached the threshold: of a category's rule the one that makes
        the category's score in that frame; None where no label is known.
    score, threshold : float
        What was reached, and what had to be.
    action : Action
        What the policy asks for.
    frame : int or None
        Of an image with several frames.
    time_s : float or None
        When that frame is shown, seconds from the start.
    region : int or None
        Index into the image's regions; None where none of them is the label's in that frame.
    """

    rule: str
    category: str
    label: str | None
    score: float
    threshold: float
    action: Action
    frame: int | None = None
    time_s: float | None = None
    region: int | None = None

    @property
    def sentence(self) -> str:
        """The same in plain words."""
        if self.rule == UNSEEN:
            what = "frames that were not checked differ"
        else:
            what = f"{self.label or self.rule} scores"
        done = {Action.BLOCK: "blocks", Action.REVIEW: "asks for a review"}[self.action]
        when = "" if self.time_s is None else f" (at {self.time_s:.1f} s)"
        where = "" if self.frame is None else f", in frame {self.frame}{when}"
        threshold = f"{Decimal(str(self.threshold)):f}"
        digits = max(2, len(threshold.partition(".")[2]))  # the score is not to seem below it
        return f"{what} {self.score:.{digits}f}{where}; the policy {done} from {threshold}."


@dataclass(frozen=True, slots=True)
class Decision:
    """A policy's answer to scores.

    Attributes
    ----------
    action : Action
        The most severe of the reasons' actions.
    reasons : tuple of Reason
        The most severe first.
    suitability : int
        0 to 100, how suitable for work.
    """

    action: Action
    reasons: tuple[Reason, ...]
    suitability: int


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What was decoded.

    Attributes
    ----------
    format : str
        By its bytes.
    width, height : int
        Upright, in pixels.
    frames, frames_checked : int
        How many it has, and how many of them a detector saw.
    duration_s : float or None
        Of a video, in seconds.
    odd_thumbnail : bool
        Other viewers show something else (a preview inside, the picture turned otherwise), which
        was checked too.
    unseen : float
        How far the frame that is least like any that was checked differs from it, 0 to 1.
    """

    format: str
    width: int
    height: int
    frames: int
    frames_checked: int
    duration_s: float | None = None
    odd_thumbnail: bool = False
    unseen: float = 0.0


@dataclass(frozen=True, slots=True)
class ItemError:
    """Why an image could not be checked: a stable code, and a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds spent; of a set all but `total` are sums over its images.

    Attributes
    ----------
    decode : float
        Reading or fetching and decoding.
    wait : float
        For a place to run; nothing else is counted of an image in error.
    inference : float
        Scoring and deciding; of a video decoding, too.
    total : float
        All of it; of a set until the last is done.
    """

    decode: float = 0.0
    wait: float = 0.0
    inference: float = 0.0
    total: float = 0.0

    @classmethod
    def of_set(cls, several: Sequence["Timing"], total: float) -> "Timing":
        """Add up what images of a set took; `total` may be less, since they run side by side."""
        return cls(
            decode=sum(one.decode for one in several),
            wait=sum(one.wait for one in several),
            inference=sum(one.inference for one in several),
            total=total,
        )


def elapsed_ms(began: float) -> float:
    """Return how many milliseconds ago it was that `time.perf_counter` gave this, in seconds."""
    return (time.perf_counter() - began) * 1000


@dataclass(frozen=True, slots=True)
class Moderation:
    """The result for one image.

    Attributes
    ----------
    index : int
        Position in its set, from 0.
    id : str or None
        The caller's name for it.
    decision : Action
        For an image in error, the policy's ``on_error``.
    suitability : int or None
        0 to 100; None for an image in error.
    scores : Scores or None
        None for an image in error.
    frames : tuple of FrameScores
        Of each frame that was checked; empty for an image in error.
    image : ImageInfo or None
        None where it could not be decoded.
    error : ItemError or None
        None where all went well.
    """

    index: int
    id: str | None
    decision: Action
    suitability: int | None
    reasons: tuple[Reason, ...] = ()
    scores: Scores | None = None
    frames: tuple[FrameScores, ...] = ()
    image: ImageInfo | None = None
    error: ItemError | None = None
    timing: Timing = field(default_factory=Timing)

    @property
    def status(self) -> Literal["ok", "error"]:
        """Whether it could be checked."""
        return "ok" if self.error is None else "error"


@dataclass(frozen=True, slots=True)
class PolicyInfo:
    """Which policy decided: its name and the hash of its content."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model scored."""

    name: str
    version: str
    sha256: str
    license: str


@dataclass(frozen=True, slots=True)
class Check:
    """The result for a set of images.

    Attributes
    ----------
    id : str
        ``chk_`` and a ULID.
    """

    id: str
    policy: PolicyInfo
    models: tuple[ModelInfo, ...]
    results: tuple[Moderation, ...]
    timing: Timing
    taxonomy: str = TAXONOMY

    @property
    def suitability(self) -> int | None:
        """The least suitable image's; None where no image could be checked."""
        known = [one.suitability for one in self.results if one.suitability is not None]
        return min(known, default=None)

    @property
    def decision(self) -> Action:
        """The most severe of the images' decisions."""
        return strictest(one.decision for one in self.results)


def strictest(actions: Iterable[Action]) -> Action:
    """Find the most severe of some actions; ``allow`` where there are none."""
    return max(actions, key=lambda action: action.severity, default=Action.ALLOW)


def scores_in(frames: Sequence[FrameScores], frame: int | None, whole: Scores) -> Scores:
    """Find the scores of one frame.

    Parameters
    ----------
    frames : sequence of FrameScores
        Of an image.
    frame : int or None
        The wanted one; None for a still picture.
    whole : Scores
        The image's, for where there is no such frame.

    Returns
    -------
    Scores
    """
    return next((one.scores for one in frames if one.frame == frame), whole)
