"""Frames of a video, evenly spaced, in constant memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av
from av.codec.context import ThreadType
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from worksafe.errors import UndecodableImageError, UnreadableSourceError
from worksafe.images.limits import ImageLimits
from worksafe.images.resize import RgbImage
from worksafe.images.video import OPEN_OPTIONS, pixel_shape, show_frame


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a video.

    Attributes
    ----------
    time_s : float
        Since the video's first frame, in seconds.
    pixels : ndarray of uint8, shape (h, w, 3)
        Upright RGB, at the size that players show.
    """

    time_s: float
    pixels: RgbImage


def spaced_frames(path: Path, every_s: float) -> Iterator[Frame]:
    """Take frames at even distances, the first after half of one.

    A video too short for that gives its last frame. One that is damaged gives the frames before
    the damage.

    Parameters
    ----------
    path : Path
        An MP4, MOV, Matroska, WebM or AVI file.
    every_s : float
        The distance, in seconds; more than 0.

    Yields
    ------
    Frame
        The first at or after each moment.

    Raises
    ------
    InputError
        One of its subclasses, if the file cannot be read, or not to its end, or its pictures are
        larger than the ceilings of :class:`ImageLimits`.
    """
    reached = ""
    try:
        with (
            _open(path) as file,
            av.open(file, "r", options=OPEN_OPTIONS, metadata_errors="replace") as container,
        ):
            for frame in _spaced(container, every_s):
                reached = f" after {frame.time_s:.1f} s"
                yield frame
    except (av.FFmpegError, OSError, ValueError) as error:
        msg = f"the video is damaged, cut off or of no accepted format{reached}"
        raise UndecodableImageError(msg) from error


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        msg = f"cannot read the video: {error.strerror}"
        raise UnreadableSourceError(msg) from error


def _spaced(container: InputContainer, every_s: float) -> Iterator[Frame]:
    if not container.streams.video:
        raise UndecodableImageError("the video has no pictures")
    stream = container.streams.video[0]
    stream.thread_type = ThreadType.AUTO
    shape, scaler = pixel_shape(stream), VideoReformatter()

    def show(frame: VideoFrame, time_s: float) -> Frame:
        ImageLimits().check_size(frame.width, frame.height)
        return Frame(time_s, show_frame(frame, shape, scaler))

    due_s = every_s / 2
    start_s = last_s = 0.0
    last: VideoFrame | None = None
    is_empty = True
    for frame in container.decode(stream):
        if frame.time is None:
            continue
        start_s = frame.time if last is None else start_s
        last, last_s = frame, frame.time - start_s
        if last_s >= due_s:
            yield show(frame, last_s)
            is_empty = False
            due_s += every_s * (1 + (last_s - due_s) // every_s)
    if last is None:
        raise UndecodableImageError("the video has no pictures")
    if is_empty:
        yield show(last, last_s)
