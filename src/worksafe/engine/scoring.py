"""An image's views to its scores: all detectors, parts of what is long or joined, a second look."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from worksafe.engine.combining import combine, highest, join_parts
from worksafe.engine.detector import PLAIN, Detector, Look
from worksafe.engine.idle import IdlePlaces
from worksafe.errors import InternalError
from worksafe.images.parts import Part, cut_into_parts
from worksafe.images.pictures import Pictures, View
from worksafe.images.resize import RgbImage
from worksafe.results import FrameScores, ImageScores, Scores

SECOND_LOOK = 0.18  # below every threshold of a shipped policy; a test holds that


def score_image(
    pictures: Pictures,
    detectors: Sequence[Detector],
    idle: IdlePlaces,
    on_view: Callable[[View], None] = lambda _: None,
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
    on_view : callable, optional
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
        If there was nothing to look at, or a score is not a number.
    """
    scored = _score_frames(pictures.views, _Looking(detectors, idle, on_view, look))
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
    ahead: set[int] = set()  # frames that were looked at for one before them
    for frame, same_frame in groupby(views, key=lambda view: view.frame):
        some = list(same_frame)
        is_known = frame in ahead
        if not is_known:
            before = [done[frame]] if frame in done else []  # its views need not come together
            done[frame] = combine([*before, *(looking.score(view) for view in some)])
        if not is_known or some[0].is_still:
            yield FrameScores(frame, some[0].time_s, done[frame], some[0].is_still)
        if max(done[frame].labels.values(), default=0.0) >= SECOND_LOOK:
            for near in some[0].around:
                if near.frame not in done:
                    done[near.frame] = looking.score(near)
                    ahead.add(near.frame)
                    yield FrameScores(near.frame, near.time_s, done[near.frame])


@dataclass(frozen=True, slots=True)
class _Looking:
    """All detectors, looking at the views of one file, one after the other."""

    detectors: Sequence[Detector]
    idle: IdlePlaces
    on_view: Callable[[View], None]
    look: Look
    known: dict[bytes, Scores] = field(default_factory=dict)  # parts that other views show, too

    def score(self, view: View) -> Scores:
        """Score a view, and the parts of a long or joined one."""
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
        self.on_view(view)
        scored = self.idle.map(lambda detector: detector.score(pixels, self.look), self.detectors)
        return combine(scored)
