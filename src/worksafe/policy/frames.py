"""From a video's frames to one score that a rule can be about."""

from collections.abc import Sequence

from worksafe.policy.document import VideoRule
from worksafe.results import FrameScores


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
        is at least `alone`. A video with fewer frames than must agree is taken as they are.
    frame : int
        The one that scores highest among them.
    """
    of_frame = sorted((one.time_s, _score(one, name), one.frame) for one in frames)
    needed = min(rule.agree, len(of_frame))
    best = (0.0, of_frame[0][2])
    first = 0
    for last, (time_s, _, _) in enumerate(of_frame):
        while time_s - of_frame[first][0] > rule.within_s:
            first += 1
        window = sorted((score, frame) for _, score, frame in of_frame[first : last + 1])
        score, frame = window[-1]
        if score < rule.alone:
            score = window[-needed][0] if len(window) >= needed else 0.0
        best = max(best, (score, frame), key=lambda found: found[0])
    return best


def _score(one: FrameScores, name: str) -> float:
    known = one.scores.labels if "." in name else one.scores.categories
    return known.get(name, 0.0)
