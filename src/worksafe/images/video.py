"""A video to pictures: evenly spaced and at every change of scene, in constant memory."""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Literal

import av
import numpy as np
from av.codec.context import ThreadType
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from worksafe.errors import (
    InputError,
    UndecodableImageError,
)
from worksafe.images.colour.cicp import XYZ_PRIMARIES
from worksafe.images.damage import damaged
from worksafe.images.limits import ImageLimits
from worksafe.images.pictures import Summary, View
from worksafe.images.resize import RgbImage
from worksafe.images.scenes import Sketch, change, sketch
from worksafe.images.structure.nal import StreamWatch
from worksafe.images.structure.seeking import refuse_hidden
from worksafe.images.structure.tracks import refuse_odd_tracks, refuse_several_additions

# Lists of files are formats too, and would open other files and addresses.
# And of an MP4 all is looked at that is in it: not all players go by its list of edits.
OPEN_OPTIONS = {
    "format_whitelist": "mov,mp4,matroska,webm,avi",
    "protocol_whitelist": "",
    "ignore_editlist": "1",
}

_SPACING_S = 1.0
_NEW_SCENE = 0.10  # 0 to 1, as `change` tells: in the whole picture, or a quarter in a part
_MOST_PASSED = 300  # frames, whatever their times say
_SCENES_PER_S = 2.0  # beyond the evenly spaced frames, in the long run...
_SCENES_AT_ONCE = 8.0  # ...and at once
_NEAR_S = 0.15  # how far away frames for a second look are, at least
_SKETCH_PX = 64  # a frame's side before it is sketched
_NEAR_NONE = 64  # times less than the other parts of a matrix
_QUARTER_TURN = 90
_NO_FILMS_LIGHT = frozenset({8, 9, 10, 17})  # linear, logarithmic, of cinemas
_TRANSPARENT = "the video is transparent, and what shows through it is not known"
_BESIDE: Literal["matroska_block_additional"] = "matroska_block_additional"
_ALPHA = (1).to_bytes(8, "big")  # what is beside a block, by its number
_WIDEST_PIXEL = 2.5  # by its height; of honest films it is 2
_AVI_HEAD_BYTES = 8  # of a packet, at which the index points


class Video:
    """A video, gone through once.

    Every frame is decoded, and compared with the one chosen last: it is chosen where the picture
    has changed, or a second has passed. A flood of changes is held to a rate; `info.unseen` tells
    what was passed over. All tracks are gone through, a cover picture included: which of them is
    shown is the player's choice. What no frame beside it can confirm, a cover picture or a slide,
    is marked as a still.

    Parameters
    ----------
    file : binary file object
        Seekable.
    limits : ImageLimits
        Ceilings on a frame; and how many are chosen before their spacing grows.
    side_px : int
        The longest side that a detector wants; views are scaled down to twice that.

    Attributes
    ----------
    info : Summary
        Grows while `views` goes on.
    """

    def __init__(self, file: BinaryIO, limits: ImageLimits, side_px: int) -> None:
        self._file = file
        self._limits = limits
        self._side_px = side_px
        self.info = Summary()

    def views(self) -> Iterator[View | None]:
        """Choose frames.

        Yields
        ------
        View or None
            In order, with frames around it for a second look; None for a frame passed over.

        Raises
        ------
        InputError
            One of its subclasses, whatever the bytes are.
        """
        try:
            with av.open(
                self._file, "r", options=OPEN_OPTIONS, metadata_errors="replace"
            ) as container:
                yield from self._walk(container)
        except InputError:
            raise
        except Exception as error:
            msg = f"the video is damaged or cut off after {self.info.duration_s:.1f} s"
            raise damaged(msg, error) from error

    def _walk(self, container: InputContainer) -> Iterator[View | None]:
        is_avi = container.format.name == "avi"
        tracks = {stream.index: self._track(stream, is_avi) for stream in container.streams.video}
        watches = {
            stream.index: StreamWatch(stream.codec_context.name)
            for stream in container.streams.video
        }
        if not tracks:
            raise UndecodableImageError("the video has no pictures")
        refuse_hidden(self._file, container.format.name)
        refuse_odd_tracks(self._file, container.format.name)
        is_looked_through = False
        for packet in container.demux(*container.streams.video):
            track = tracks[packet.stream.index]
            track.packets += packet.size > 0
            track.named.discard(packet.pos)
            if packet.has_sidedata(_BESIDE) and not is_looked_through:
                refuse_several_additions(self._file)
                is_looked_through = True
            _refuse_alpha_beside(packet)
            context = packet.stream.codec_context
            watches[packet.stream.index].look_at(context.extradata or b"", memoryview(packet))
            for frame in packet.decode():
                assert isinstance(frame, VideoFrame)  # noqa: S101 - for the type checker
                self._refuse_odd(frame)
                views = list(track.offer(self.info.frames, frame))
                self._count(frame, track)
                yield from views
                yield None
        if not self.info.frames:
            raise UndecodableImageError("the video has no pictures")
        for index, track in tracks.items():
            track.refuse_unread(len(container.streams[index].index_entries))
        for track in tracks.values():
            yield from track.end()

    def _track(self, stream: VideoStream, is_avi: bool) -> "_Track":
        if stream.codec_context is None:
            raise UndecodableImageError("the video is coded in a way that is not known here")
        stream.thread_type = ThreadType.SLICE  # of frame threads each would hold frames back
        self._limits.check_size(max(1, stream.width), max(1, stream.height))
        track = _Track(self._limits.video_frames, 2 * self._side_px, pixel_shape(stream))
        if is_avi:  # its packets are read one after the other, wherever its index points
            track.named = {entry.pos + _AVI_HEAD_BYTES for entry in stream.index_entries}
        return track

    def _refuse_odd(self, frame: VideoFrame) -> None:
        """Refuse a frame that is too large, or that players may show quite otherwise."""
        self._limits.check_size(frame.width, frame.height)
        if any(component.is_alpha for component in frame.format.components):
            raise UndecodableImageError(_TRANSPARENT)
        _refuse_odd_turn(frame)
        if frame.color_primaries == XYZ_PRIMARIES:
            raise UndecodableImageError("the video's colours are said to be XYZ, as of cinemas")
        if frame.color_trc in _NO_FILMS_LIGHT:
            msg = f"the video's levels are of a kind that no film has: {frame.color_trc} of H.273"
            raise UndecodableImageError(msg)

    def _count(self, frame: VideoFrame, track: "_Track") -> None:
        if not self.info.frames:
            self.info.width, self.info.height = _upright_size(frame, track.pixel_shape)
        self.info.frames += 1
        self.info.duration_s = max(self.info.duration_s, track.time_s)
        self.info.unseen = max(self.info.unseen, track.unseen)


@dataclass(slots=True)
class _Track:
    """Chooses among the frames of one track."""

    most: int
    longest_px: int
    pixel_shape: float  # width of a stored pixel, by its height
    time_s: float = 0.0
    unseen: float = 0.0
    packets: int = 0  # read so far
    named: set[int | None] = field(default_factory=set)  # where its index has some unread ones
    _raw_s: float | None = None  # as the file has it
    _passed: int = 0  # frames since the one chosen last
    _last: Sketch | None = None  # of the frame chosen last
    _last_s: float = 0.0
    _is_other: bool = False  # whether the one chosen last differs from the one before it
    _chosen: int = 0
    _scenes: float = _SCENES_AT_ONCE  # that may still be chosen before their time
    _recent: deque[View] = field(default_factory=deque)
    _waiting: deque[View] = field(default_factory=deque)  # for a frame after them
    _shrink: VideoReformatter = field(default_factory=VideoReformatter)
    _scale: VideoReformatter = field(default_factory=VideoReformatter)

    def offer(self, number: int, frame: VideoFrame) -> Iterator[View]:
        """Take the next frame; give the chosen ones that now have their neighbours."""
        self._tell_time(frame)
        drawn = self._sketch(frame)
        changed = 1.0 if self._last is None else float(change(drawn, self._last))
        is_next = self._last is not None and not self._passed
        is_slide = self._is_other and changed > _NEW_SCENE
        is_chosen = self._is_chosen(drawn, changed)
        is_due = not self._recent or self.time_s - self._recent[-1].time_s >= _NEAR_S
        if is_chosen or is_next or is_due:
            view = View(number, self._pixels(frame), self.time_s)
            if is_next:  # what shows for two frames is no accident of one
                shown = self._waiting.pop()
                stands_s = self.time_s - shown.time_s
                # Longer than frames are apart: none beside it is near enough to agree.
                is_still = stands_s > _SPACING_S or (is_slide and stands_s >= _NEAR_S)
                around = (*shown.around, view)
                self._waiting.append(replace(shown, around=around, is_still=is_still))
            while self._waiting and self._waiting[0].time_s <= self.time_s - _NEAR_S:
                yield self._with_neighbour(view)
            if is_chosen:
                before = [one for one in self._recent if one.time_s <= self.time_s - _NEAR_S]
                self._waiting.append(replace(view, around=tuple(before[-1:])))
            self._recent.append(view)
            while self._recent[0].time_s < self.time_s - 2 * _NEAR_S:
                self._recent.popleft()

    def refuse_unread(self, entries: int) -> None:
        """Refuse a track of which less was read than its index names, or nothing was decoded.

        A player that seeks shows what lies behind a wrong entry of the index.
        """
        is_short = self.packets < entries or bool(self.named)
        if is_short or (self.packets and self._last is None):
            raise UndecodableImageError("the video is damaged or cut off: a part cannot be read")

    def end(self) -> Iterator[View]:
        """Yield the chosen ones for which no frame came after them; a player halts at the last."""
        if self._waiting and not self._passed:
            self._waiting.append(replace(self._waiting.pop(), is_still=self._is_other))
        yield from self._waiting

    def _with_neighbour(self, after: View) -> View:
        waiting = self._waiting.popleft()
        return replace(waiting, around=(*waiting.around, after))

    def _tell_time(self, frame: VideoFrame) -> None:
        if frame.time is not None:
            # Steps, not the difference to the start: one wild time must not stop the clock.
            before = frame.time if self._raw_s is None else self._raw_s
            self.time_s += max(0.0, frame.time - before)
            self._raw_s = frame.time

    def _sketch(self, frame: VideoFrame) -> Sketch:
        small = self._shrink.reformat(
            frame, _SKETCH_PX, _SKETCH_PX, "rgb24", interpolation=Interpolation.FAST_BILINEAR
        )
        return sketch([np.asarray(small.to_ndarray(), dtype=np.uint8)])

    def _is_chosen(self, drawn: Sketch, changed: float) -> bool:
        self._passed += 1
        if self._last is None:
            return self._choose(drawn, changed, self._scenes)
        passed_s = self.time_s - self._last_s
        scenes = min(_SCENES_AT_ONCE, self._scenes + _SCENES_PER_S * passed_s)
        is_time = passed_s >= _SPACING_S * 2 ** (self._chosen // self.most)
        if is_time or self._passed >= _MOST_PASSED:
            return self._choose(drawn, changed, scenes)
        if changed > _NEW_SCENE and scenes >= 1:
            return self._choose(drawn, changed, scenes - 1)
        self.unseen = max(self.unseen, changed)
        return False

    def _choose(self, drawn: Sketch, changed: float, scenes: float) -> bool:
        self._last, self._last_s, self._scenes = drawn, self.time_s, scenes
        self._is_other = changed > _NEW_SCENE
        self._chosen += 1
        self._passed = 0
        return True

    def _pixels(self, frame: VideoFrame) -> RgbImage:
        return show_frame(frame, self.pixel_shape, self._scale, self.longest_px)


def _refuse_alpha_beside(packet: "Packet[Any]") -> None:
    """Refuse a WebM's second half, which holds how transparent it is, and is not decoded."""
    if not packet.has_sidedata(_BESIDE):
        return
    beside: Any = packet.get_sidedata(_BESIDE)
    if bytes(beside)[:8] == _ALPHA:
        raise UndecodableImageError(_TRANSPARENT)


def show_frame(
    frame: VideoFrame, pixel_shape: float, scaler: VideoReformatter, longest_px: float = math.inf
) -> RgbImage:
    """Turn a frame into the picture that players show.

    Parameters
    ----------
    frame : VideoFrame
        As it is stored.
    pixel_shape : float
        Width of a stored pixel, by its height.
    scaler : VideoReformatter
        Of the track, which is quicker than one for each frame.
    longest_px : float, optional
        The longest side of the result at most.

    Returns
    -------
    ndarray of uint8, shape (h, w, 3)
        Upright RGB.
    """
    width = frame.width * pixel_shape
    scale = min(1.0, longest_px / max(width, frame.height))
    scaled = scaler.reformat(
        frame,
        max(1, round(width * scale)),
        max(1, round(frame.height * scale)),
        "rgb24",
        interpolation=Interpolation.BILINEAR,
    )
    return _turn_upright(scaled.to_ndarray(), frame)


def _turn_upright(pixels: NDArray[Any], frame: VideoFrame) -> RgbImage:
    """Turn a frame's pixels, (h, w, 3), as the file says: phones film lying down."""
    turned = np.rot90(np.flipud(pixels) if _is_mirrored(frame) else pixels, _quarter_turns(frame))
    return np.ascontiguousarray(turned, dtype=np.uint8)


def _is_mirrored(frame: VideoFrame) -> bool:
    """Return whether the file's matrix mirrors, before it turns."""
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False
    a, b, _, c, d, *_ = np.frombuffer(bytes(matrix), dtype=np.int32).tolist()
    return bool(a * d < b * c)


def _quarter_turns(frame: VideoFrame) -> int:
    return round(frame.rotation / _QUARTER_TURN)


def _refuse_odd_turn(frame: VideoFrame) -> None:
    """Refuse a matrix that is no quarter turn, mirrored or not: browsers do not turn by it."""
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return
    a, b, _, c, d, *_ = np.abs(np.frombuffer(bytes(matrix), dtype=np.int32).astype(float))
    is_upright, is_lying = _NEAR_NONE * max(b, c) < min(a, d), _NEAR_NONE * max(a, d) < min(b, c)
    if not (is_upright or is_lying):
        raise UndecodableImageError("the video is turned by other than quarters")


def _upright_size(frame: VideoFrame, pixel_shape: float) -> tuple[int, int]:
    width = round(frame.width * pixel_shape)
    is_lying = _quarter_turns(frame) % 2
    return (frame.height, width) if is_lying else (width, frame.height)


def pixel_shape(stream: VideoStream) -> float:
    """Return how wide pixels are shown, by their height; some players ignore it, so not by much."""
    shape = float(stream.sample_aspect_ratio or 1)
    if not 1 / _WIDEST_PIXEL <= shape <= _WIDEST_PIXEL:
        msg = f"the video's pixels are {shape:g} times as wide as high"
        raise UndecodableImageError(msg)
    return shape
