"""Whether something that comes from elsewhere can have been found in an image."""

import math
from collections.abc import Iterable, Sequence

from worksafe.engine.found import Found
from worksafe.engine.scoring import summarise
from worksafe.images.formats import FORMATS
from worksafe.models.spec import Label, category_scores
from worksafe.results import FrameScores, ImageInfo, Region, Scores

_FORMAT_NAMES = frozenset(known.name for known in FORMATS)
_ROUNDING = 1e-6  # a box is a quotient of single and double precision


def refuse_impossible(found: Found, labels: Sequence[Label]) -> None:
    """Refuse what no look without maps can have found in any image.

    Parameters
    ----------
    found : Found
        Of the right shape, from somewhere else.
    labels : sequence of Label
        All that is reported.

    Raises
    ------
    ValueError
        If a label is missing or too many, a number is none or out of range, or one part says
        something else than another.
    """
    scored, image = found.scored, found.image
    for frame in scored.frames:
        _refuse_scores(frame.scores, labels)
    _refuse_frames(scored.frames, image)
    if summarise(scored.frames, scored.unseen, is_video=scored.is_video) != scored:
        raise ValueError("the image's scores are not those of its frames")
    if image.format not in _FORMAT_NAMES or min(image.width, image.height) < 1:
        raise ValueError("not an image that can be opened")
    if scored.unseen != image.unseen or not _are_within(1, [scored.unseen]):
        raise ValueError("not a share that was unseen")
    if scored.is_video != (image.duration_s is not None):
        raise ValueError("videos last, and pictures do not")
    if not math.isfinite(image.duration_s or 0):
        raise ValueError("not a length of a video")


def _refuse_scores(scores: Scores, labels: Sequence[Label]) -> None:
    if scores.labels.keys() != {label.name for label in labels}:
        raise ValueError("not the labels that are reported")
    if not _are_within(1, scores.labels.values()):
        raise ValueError("a score is not between 0 and 1")
    if scores.categories != category_scores(labels, scores.labels):
        raise ValueError("a category's score is not that of its labels")
    if scores.maps or not all(_is_place(region, scores) for region in scores.regions):
        raise ValueError("not places in a picture")


def _is_place(region: Region, scores: Scores) -> bool:
    return (
        region.label in scores.labels
        and _are_within(1, [region.score])
        and _are_within(1 + _ROUNDING, region.box)
    )


def _refuse_frames(frames: Sequence[FrameScores], image: ImageInfo) -> None:
    numbers = [one.frame for one in frames]
    if not numbers or len(numbers) != image.frames_checked or numbers != sorted(set(numbers)):
        raise ValueError("not the frames that were checked")
    if numbers[0] < 0 or numbers[-1] >= image.frames:
        raise ValueError("the image has no such frame")
    if not all(math.isfinite(one.time_s) for one in frames):
        raise ValueError("a frame is shown at no time")


def _are_within(most: float, values: Iterable[float]) -> bool:
    return all(0 <= value <= most for value in values)  # which nothing is that is not a number
