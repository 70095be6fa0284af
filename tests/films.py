"""Videos for tests, made frame by frame."""

import io
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

from pictures import Rgb, photo

CODEC = {"mp4": "mpeg4", "mov": "mpeg4", "matroska": "mpeg4", "webm": "libvpx", "avi": "mpeg4"}


def film(
    frames: int,
    frame: Callable[[int], Rgb],
    container: str = "mp4",
    fps: int = 25,
    path: Path | None = None,
    *,
    options: dict[str, str] | None = None,
    pixel_shape: Fraction = Fraction(1),
    transfer: int = 1,
) -> bytes:
    """Encode a film; by path it is written there, and nothing comes back."""
    file = io.BytesIO()
    with av.open(str(path) if path else file, "w", container, options or {}) as output:
        first = frame(0)
        codec = CODEC[container] if transfer == 1 else "libx264"  # which says so, too
        stream = output.add_stream(codec, rate=fps)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 800_000
        stream.gop_size = 50
        stream.codec_context.sample_aspect_ratio = pixel_shape
        stream.codec_context.color_trc = transfer
        for index in range(frames):
            picture = av.VideoFrame.from_ndarray(frame(index), format="rgb24")
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return file.getvalue()


def tracks_of(*tracks: Sequence[tuple[int, Rgb]]) -> bytes:
    """A film of pictures at times, in milliseconds, on a track each."""
    file, clock = io.BytesIO(), Fraction(1, 1000)
    with av.open(file, "w", format="matroska") as output:
        streams = [output.add_stream("mpeg4", rate=25) for _ in tracks]
        packets = []
        for stream, track in zip(streams, tracks, strict=True):
            stream.height, stream.width = track[0][1].shape[:2]
            stream.pix_fmt = "yuv420p"
            stream.time_base = stream.codec_context.time_base = clock
            for time_ms, picture in track:
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = time_ms, clock
                packets += stream.encode(frame)
            packets += stream.encode(None)
        for packet in sorted(packets, key=lambda one: (one.dts or 0) * one.time_base):
            output.mux(packet)
    return file.getvalue()


def with_cover(picture: Rgb, cover: Rgb, frames: int = 60) -> bytes:
    """A film of one picture, and a track beside it that has a single frame."""
    return tracks_of([(40 * frame, picture) for frame in range(frames)], [(0, cover)])


def scene(name: str = "coffee", width: int = 160, height: int = 120) -> Rgb:
    return np.asarray(photo(name).resize((width, height)))


def quiet_film_with(
    odd: dict[int, Rgb], frames: int = 250, container: str = "mp4", fps: int = 25
) -> bytes:
    """A scene that hardly moves, and other pictures at some frames."""
    still = scene()

    def frame(index: int) -> Rgb:
        return odd.get(index, np.roll(still, index // 25, axis=1))

    return film(frames, frame, container, fps)
