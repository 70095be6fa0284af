"""From a video's frames to one score that a rule can be about."""

from collections.abc import Iterator, Sequence
from operator import itemgetter

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
        is at least `alone`, or if it is a still, which is a picture by itself and has no say in
        others. Where fewer were checked within that time, all of them must agree: a frame that has
        no other near it counts by itself.
    frame : int
        The one that scores highest among them.
    """
    moving = [one for one in frames if not one.is_still]
    of_frame = sorted((_ms(one.time_s), one.frame, _score(one, name)) for one in moving)
    best = (0.0, frames[0].frame)
    for first, last in _windows([time_ms for time_ms, _, _ in of_frame], rule.within_s):
        window = sorted((score, frame) for _, frame, score in of_frame[first : last + 1])
        needed = min(rule.agree, len(window))
        best = max(best, (window[-needed][0], window[-1][1]), key=itemgetter(0))
    each = ((_score(one, name), one) for one in frames)
    alone = ((score, one.frame) for score, one in each if one.is_still or score >= rule.alone)
    return max([best, *alone], key=itemgetter(0))


def _windows(times_ms: Sequence[float], within_s: float) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of frames that are near each other, as many at once as are."""
    within_ms = round(within_s * 1000, 3)
    first = 0
    for last, time_ms in enumerate(times_ms):
        while time_ms - times_ms[first] > within_ms:
            first += 1
        is_last = last + 1 == len(times_ms)
        if is_last or times_ms[last + 1] - times_ms[first] > within_ms:
            yield first, last


def _ms(time_s: float) -> float:
    """Return a time as answers have it, in whole milliseconds: 8.3 less 7.3 s is more than 1."""
    return round(round(time_s, TIME_DIGITS) * 1000, 0)


def _score(one: FrameScores, name: str) -> float:
    known = one.scores.labels if "." in name else one.scores.categories
    return round(known.get(name, 0.0), SCORE_DIGITS)
