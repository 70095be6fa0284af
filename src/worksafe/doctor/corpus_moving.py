"""Animations and videos: what only one frame shows, and what a player would not count."""

import importlib.util
import io
import struct
from collections.abc import Callable

import numpy as np
from PIL import Image

from worksafe.doctor.making import encoded, iso_box, long_gif, moving, png_chunk, scene

_DAMAGED = "undecodable_image"


def _film(frames: int, odd: int | None = None, container: str = "mp4", movflags: str = "") -> bytes:
    import av  # noqa: PLC0415 - an extra
    from av.video.stream import VideoStream  # noqa: PLC0415 - the same

    file = io.BytesIO()
    pictures = {False: scene(), True: scene(seed=99)}
    options = {"movflags": movflags} if movflags else {}
    with av.open(file, "w", format=container, options=options) as output:
        stream = output.add_stream("mpeg4", rate=25)
        assert isinstance(stream, VideoStream)  # noqa: S101 - for the type checker
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for index in range(frames):
            shown = np.asarray(pictures[index == odd])
            picture = av.VideoFrame.from_ndarray(shown, format="rgb24")
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return file.getvalue()


def _sound() -> bytes:
    import av  # noqa: PLC0415 - an extra
    from av.audio.stream import AudioStream  # noqa: PLC0415 - the same

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=44_100, layout="mono")
        assert isinstance(stream, AudioStream)  # noqa: S101 - for the type checker
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), "fltp", "mono")
        frame.sample_rate = 44_100
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def _film_of_size(width: int, height: int) -> bytes:
    """Make a film whose header claims another size."""
    data = bytearray(_film(5))
    at = data.index(b"mp4v", data.index(b"stsd")) + 28
    data[at : at + 4] = struct.pack(">HH", width, height)
    return bytes(data)


def _hidden_fragment() -> bytes:
    """Make a film of which only a player that seeks by its index comes to the end."""
    data = _film(50, movflags="frag_keyframe+empty_moov+default_base_moof")
    first, last, end = data.index(b"moof") - 4, data.rindex(b"moof") - 4, data.rindex(b"mfra") - 4
    passed_over = struct.pack(">I4s", 8 + end - last, b"free")
    index = struct.pack(">5I2H", 0, 1, 25, 0, 0, 0, 2)
    for size in (last + len(passed_over) - first, end - last):
        index += struct.pack(">3I", size, 25, 0x9000_0000)
    return data[:first] + iso_box(b"sidx", index) + data[first:last] + passed_over + data[last:end]


def _apng(default: bool) -> bytes:
    first, second = scene(), scene(seed=5)
    return encoded(
        first, "PNG", save_all=True, append_images=[second, first], default_image=default
    )


def _apng_of_no_frames() -> bytes:
    data = encoded(scene(), "PNG")
    return data[:33] + png_chunk(b"acTL", struct.pack(">II", 0, 0)) + data[33:]


def _disposal(method: int) -> bytes:
    return long_gif(12, 6, disposal=method)


def _pages(*sizes: tuple[int, int]) -> bytes:
    first, *others = [scene(*size) for size in sizes]
    return encoded(first, "TIFF", save_all=True, append_images=others)


def _million_frames() -> bytes:
    head = encoded(Image.new("P", (1, 1)), "GIF")
    start = head.index(b",")
    return head[:start] + head[start:-1] * 300_000 + b";"


def _frames_larger_than_the_screen() -> bytes:
    head = encoded(Image.new("P", (8, 8)), "GIF")
    start = head.index(b",")
    frame = bytearray(head[start:-1])
    frame[5:9] = struct.pack("<HH", 16_000, 16_000)
    return head[:start] + bytes(frame) * 200 + b";"


def _mpo(second: Image.Image) -> bytes:
    return encoded(scene(), "MPO", save_all=True, append_images=[second])


MOVING: dict[str, tuple[Callable[[], bytes], str]] = {
    "GIF of one frame": (lambda: long_gif(1), "ok"),
    "GIF with a flash among 200 frames": (lambda: long_gif(200, 137), "ok"),
    "GIF of 10,000 frames": (lambda: long_gif(10_000, 6_789), "ok or decode_timeout"),
    "GIF of 300,000 frames": (_million_frames, "too_many_frames"),
    "GIF whose frames show no time": (lambda: long_gif(20, 7, duration_cs=0), "ok"),
    "GIF whose frames are undone to nothing": (lambda: _disposal(2), "ok"),
    "GIF whose frames are undone to the one before": (lambda: _disposal(3), "ok"),
    "GIF whose frames are larger than its screen": (
        _frames_larger_than_the_screen,
        f"too_many_pixels or too_many_frames or {_DAMAGED}",
    ),
    "animated WebP": (lambda: moving("WEBP", 30, 11), "ok"),
    "animated AVIF": (lambda: moving("AVIF", 12, 5), "ok"),
    "animated PNG": (lambda: _apng(default=False), "ok"),
    "animated PNG whose default picture is no frame": (lambda: _apng(default=True), "ok"),
    "animated PNG of no frames": (_apng_of_no_frames, f"ok or {_DAMAGED}"),
    "TIFF of pages of several sizes": (lambda: _pages((60, 40), (200, 100), (8, 300)), "ok"),
    "TIFF whose second page is too large": (
        lambda: _pages((60, 40), (17_000, 2)),
        "side_too_long",
    ),
    "phone picture with a second one (MPO)": (lambda: _mpo(scene(seed=4)), "ok"),
    "phone picture whose second one is cut off": (
        lambda: _mpo(scene(300, 300, 4))[:-3_000],
        f"ok or {_DAMAGED}",
    ),
}
"""By what is odd: the file, and the answers that are right."""

if importlib.util.find_spec("av") is not None:
    MOVING |= {
        "MP4": (lambda: _film(50), "ok"),
        "MP4 with a flash of one frame": (lambda: _film(200, 137), "ok"),
        "MP4 of one frame": (lambda: _film(1), "ok"),
        "Matroska": (lambda: _film(50, container="matroska"), "ok"),
        "AVI": (lambda: _film(50, container="avi"), "ok"),
        "MP4 without pictures": (_sound, _DAMAGED),
        "MP4 cut off": (lambda: _film(50)[:2_000], _DAMAGED),
        "Matroska cut off": (lambda: _film(50, container="matroska")[:-3_000], f"ok or {_DAMAGED}"),
        "MP4 with a fragment that only its index leads to": (_hidden_fragment, _DAMAGED),
        "MP4 that claims 65,535 px": (
            lambda: _film_of_size(65_535, 65_535),
            f"ok or side_too_long or {_DAMAGED}",
        ),
        "MP4 of boxes in boxes": (
            lambda: (
                iso_box(b"ftyp", b"isom\x00\x00\x00\x00isom")
                + iso_box(b"moov", iso_box(b"trak", iso_box(b"mdia", b"")) * 2_000)
            ),
            f"{_DAMAGED} or decoder_crashed",
        ),
    }
