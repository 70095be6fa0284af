"""One image to what the detectors find in it: read, remember or decode, score."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from worksafe.engine.cache import Recall
from worksafe.engine.detector import Detector, Look
from worksafe.engine.found import Found
from worksafe.engine.idle import IdlePlaces
from worksafe.engine.scoring import score_image
from worksafe.images.deadline import NO_DEADLINE, Deadline
from worksafe.images.open import Opener, Read
from worksafe.images.pictures import DecodedImage, Pictures, View
from worksafe.images.source import Source
from worksafe.results import ImageInfo, elapsed_ms


@dataclass(frozen=True, slots=True)
class Caller:
    """Who waits for what is found.

    Attributes
    ----------
    deadline : Deadline
        Until when.
    on_view : callable, optional
        Called with each view before it is scored.
    check_id : str, optional
        What the log calls it.
    """

    deadline: Deadline = NO_DEADLINE
    on_view: Callable[[View], None] = lambda _: None
    check_id: str = "-"

    def see(self, view: View) -> None:
        """Go on with a view, if somebody still waits for it."""
        self.deadline.check()
        self.on_view(view)


class Finder:
    """Scores images, and remembers what it found in the same bytes before.

    Parameters
    ----------
    opener : Opener
        Gets pictures out of sources.
    detectors : sequence of Detector
        All that look at them.
    recall : Recall
        What is known already.
    idle : IdlePlaces
        Each image that is looked at holds one, and is lent those that are idle.
    """

    def __init__(
        self, opener: Opener, detectors: Sequence[Detector], recall: Recall, idle: IdlePlaces
    ) -> None:
        self._opener = opener
        self._detectors = detectors
        self._recall = recall
        self._idle = idle

    def find(
        self, source: Source | DecodedImage, caller: Caller, look: Look
    ) -> tuple[Found, float]:
        """Score an image, unless it is known.

        Parameters
        ----------
        source : Source or DecodedImage
            The image.
        caller : Caller
            Who waits for it.
        look : Look
            How closely. With maps, which are large, everything is looked at anew.

        Returns
        -------
        found : Found
        decode_ms : float
            Milliseconds spent on reading or fetching and decoding, also of an image that is known;
            decoding a video is part of the rest.

        Raises
        ------
        InputError
            One of its subclasses, where the image is not one that can be checked, or the time is
            over.
        """
        began = time.perf_counter()
        read = self._read(source, caller)
        key = None
        if self._recall.is_on and isinstance(read, bytes) and not look.maps:
            key = self._recall.key(read, look.thorough)
        if key is not None and (known := self._recall.get(key)) is not None:
            return known, elapsed_ms(began)
        side_px = self.side_px(look)
        with self._idle.hold(), self._open(read, side_px, caller) as pictures:
            decode_ms = elapsed_ms(began)
            scored = score_image(pictures, self._detectors, self._idle, caller.see, look)
        info = ImageInfo(  # of a video most is known only now
            pictures.format,
            pictures.width,
            pictures.height,
            pictures.frames,
            len(scored.frames),
            pictures.duration_s,
            pictures.odd_thumbnail,
            scored.unseen,
        )
        if key is not None:
            self._recall.put(key, Found(scored, info))
        return Found(scored, info), decode_ms

    def side_px(self, look: Look) -> int:
        """Return the longest side that the detectors want of a picture, in pixels."""
        return look.side_px(detector.spec for detector in self._detectors)

    def close(self) -> None:
        """Lend no more places."""
        self._idle.close()

    def _read(self, source: Source | DecodedImage, caller: Caller) -> Read | DecodedImage:
        if isinstance(source, DecodedImage):
            return source
        return self._opener.read(source, caller.deadline)

    def _open(
        self, read: Read | DecodedImage, side_px: int, caller: Caller
    ) -> AbstractContextManager[Pictures]:
        if isinstance(read, DecodedImage):
            return nullcontext(read)
        return self._opener.open(read, side_px, caller.deadline)
