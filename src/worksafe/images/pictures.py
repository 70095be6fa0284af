"""What decoding gives: the pictures to score, whatever file they come from."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from worksafe.images.resize import RgbImage


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One picture to score.

    Attributes
    ----------
    frame : int
        Which frame of the image it shows, from 0. A transparent frame gives several views.
    pixels : ndarray of uint8, shape (h, w, 3)
        Upright RGB; at the image's own size or scaled down.
    time_s : float
        When it is shown, in seconds from the start.
    around : tuple of View
        Of a video, frames just before and after it, for a second look.
    is_preview : bool
        It is not the picture itself, but what other viewers may show in its place: the preview
        that the file carries, or the picture turned otherwise.
    is_still : bool
        Of a video: a cover picture, a slide (shown for long enough to be seen, between other
        pictures), or what stands for longer than frames are apart: no frame beside it is near
        enough to confirm it.
    """

    frame: int
    pixels: RgbImage
    time_s: float = 0.0
    around: "tuple[View, ...]" = ()
    is_preview: bool = False
    is_still: bool = False


class Pictures(Protocol):
    """A file's pictures. Of a video all but the format is known only as `views` goes on.

    Attributes
    ----------
    format : str
        By its bytes, lower case; for an array, ``array``.
    width, height : int
        Of the upright image as uploaded, in pixels.
    views : iterable of View
        At least one: those of the frame that is shown first, or of a still picture, then the others
        in the order of their frames; to be gone through once.
    frames : int
        How many it has.
    unseen : float
        How far the frame that is least like any in `views` differs from it, 0 to 1.
    odd_thumbnail : bool
        Other viewers show something else: a preview that the file carries, or the picture
        turned otherwise; it is among the views.
    duration_s : float or None
        Of a video, in seconds.
    """

    @property
    def format(self) -> str: ...  # noqa: D102 - described above, as all others are

    @property
    def width(self) -> int: ...  # noqa: D102

    @property
    def height(self) -> int: ...  # noqa: D102

    @property
    def views(self) -> Iterable[View]: ...  # noqa: D102

    @property
    def frames(self) -> int: ...  # noqa: D102

    @property
    def unseen(self) -> float: ...  # noqa: D102

    @property
    def odd_thumbnail(self) -> bool: ...  # noqa: D102

    @property
    def duration_s(self) -> float | None: ...  # noqa: D102


@dataclass(slots=True, eq=False)
class Summary:
    """What is known of a file, of a video so far.

    Attributes
    ----------
    width, height : int
        Upright, in pixels; of a video 0 until a frame was decoded.
    frames : int
        How many it has, or were decoded so far.
    unseen : float
        How far the frame that is least like any that is shown differs from it, 0 to 1.
    odd_thumbnail : bool
        As that of `Pictures`.
    duration_s : float
        Of a video: when the last frame is shown, in seconds from the start.
    """

    width: int = 0
    height: int = 0
    frames: int = 0
    unseen: float = 0.0
    odd_thumbnail: bool = False
    duration_s: float = 0.0

    def update(self, other: "Summary") -> None:
        """Take over what is known by now."""
        self.width, self.height, self.frames = other.width, other.height, other.frames
        self.unseen, self.odd_thumbnail = other.unseen, other.odd_thumbnail
        self.duration_s = other.duration_s


@dataclass(frozen=True, slots=True, eq=False)
class DecodedImage:
    """An image or animation, decoded; attributes as those of `Pictures`."""

    format: str
    width: int
    height: int
    frames: int
    views: tuple[View, ...]
    unseen: float = 0.0
    odd_thumbnail: bool = False
    duration_s: None = None

    @property
    def summary(self) -> Summary:
        """What is known of it."""
        return Summary(self.width, self.height, self.frames, self.unseen, self.odd_thumbnail)

    @property
    def picture(self) -> RgbImage:
        """The first picture itself, shape (h, w, 3); of a transparent one, as it lies on white."""
        return next(view.pixels for view in self.views if not view.is_preview)


@dataclass(slots=True, eq=False, kw_only=True)
class FilmedPictures(Summary):
    """A video's pictures, as they come from its decoder; attributes as those of `Pictures`."""

    format: str
    views: Iterator[View] = field(default_factory=lambda: iter(()))
