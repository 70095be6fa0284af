"""From a video's frames to one score that a rule can be about."""

import math
from collections.abc import Sequence

from worksafe.policy.document import VideoRule
from worksafe.results import SCORE_DIGITS, TIME_DIGITS, FrameScores


def agreed(frames: Sequence[FrameScores], name: str, rule: VideoRule) -> tuple[float, int]:
    """Find the highest score that frames agree on, or that one alone is certain of.

    Parameters
    ----------
    frames : sequence of FrameScores
        Of a video, all that were checked; at least one.
    name : str
        A category or ``category.label``.
    rule : VideoRule
        How many must agree, how near to each other.

    Returns
    -------
    score : float
        The largest that `agree` frames within `within_s` all reach, or that one frame has, if it
        is at least `alone`, or stands so long that no other frame is within `within_s`.
    frame : int
        The one that scores highest among them.
    """
    of_frame = sorted(
        (round(one.time_s, TIME_DIGITS), one.frame, _score(one, name)) for one in frames
    )
    needed = min(rule.agree, len(of_frame))
    best = (0.0, of_frame[0][1])
    first = 0
    for last, (time_s, own_frame, own) in enumerate(of_frame):
        while time_s - of_frame[first][0] > rule.within_s:
            first += 1
        window = sorted((score, frame) for _, frame, score in of_frame[first : last + 1])
        if len(window) >= needed:
            best = max(best, (window[-needed][0], window[-1][1]), key=_first)
        following = of_frame[last + 1][0] if last + 1 < len(of_frame) else math.inf
        stands_alone = first == last and following - time_s > rule.within_s
        if own >= rule.alone or stands_alone:
            best = max(best, (own, own_frame), key=_first)
    return best


def _first(found: tuple[float, int]) -> float:
    return found[0]


def _score(one: FrameScores, name: str) -> float:
    known = one.scores.labels if "." in name else one.scores.categories
    return round(known.get(name, 0.0), SCORE_DIGITS)
