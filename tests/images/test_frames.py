"""Animated PNGs are drawn as their standard has it, whatever their mode."""

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from worksafe.doctor.making import png_chunk
from worksafe.errors import UndecodableImageError
from worksafe.images.decode import decode_image
from worksafe.images.frames import FrameWalk
from worksafe.images.limits import ImageLimits

SIDE = 12
COLOUR_TYPES = {"L": 0, "I;16": 0, "RGB": 2, "P": 3, "LA": 4, "RGBA": 6}
CHANNELS = {"L": 1, "RGB": 3, "P": 1, "LA": 2, "RGBA": 4}
NONE, BACKGROUND, PREVIOUS = 0, 1, 2
SOURCE, OVER = 0, 1
Floats = NDArray[np.float64]


class Frame(NamedTuple):
    samples: NDArray[np.uint8]  # (height, width, channels)
    left: int
    top: int
    dispose: int
    blend: int


def apng(mode: str, frames: Sequence[Frame], *, between: bytes = b"", interlaced: int = 0) -> bytes:
    """Write an animation as the standard has it, chunk by chunk."""
    height, width = frames[0].samples.shape[:2]
    depth = 16 if mode == "I;16" else 8
    header = struct.pack(">IIBBBBB", width, height, depth, COLOUR_TYPES[mode], 0, 0, interlaced)
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
    data += png_chunk(b"acTL", struct.pack(">II", len(frames), 0)) + between
    number = 0
    for place, frame in enumerate(frames):
        height, width = frame.samples.shape[:2]
        control = (number, width, height, frame.left, frame.top, 5, 100, frame.dispose, frame.blend)
        data += png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", *control))
        pixels = zlib.compress(b"".join(b"\x00" + row.tobytes() for row in frame.samples))
        number += 1
        if place:
            pixels, number = struct.pack(">I", number) + pixels, number + 1
        data += png_chunk(b"fdAT" if place else b"IDAT", pixels)
    return data + png_chunk(b"IEND", b"")


def test_an_animation_of_16_bits_of_grey_is_an_error() -> None:
    """Without alpha what is cleared would be black, where browsers show nothing."""
    frames = [Frame(np.full((8, 8, 2), 9, np.uint8), 0, 0, BACKGROUND, SOURCE)] * 2

    with pytest.raises(UndecodableImageError, match="16 bits"):
        decode_image(apng("I;16", frames), ImageLimits(), 320)


def random_frames(rng: np.random.Generator, mode: str) -> Iterator[Frame]:
    for place in range(5):
        width, height = (SIDE, SIDE) if not place else rng.integers(1, SIDE + 1, 2)
        samples = rng.integers(0, 256, (height, width, CHANNELS[mode]), dtype=np.uint8)
        if mode in {"L", "P"}:
            samples //= 64  # few, so that some are transparent
        elif mode == "RGB":
            samples //= 128
        left, top = rng.integers(0, SIDE - width + 1), rng.integers(0, SIDE - height + 1)
        yield Frame(samples, int(left), int(top), int(rng.integers(3)), int(rng.integers(2)))


def transparent(mode: str, rng: np.random.Generator) -> tuple[bytes, NDArray[np.uint8]]:
    """Chunks that make some colours transparent, and the colours and alpha of all."""
    if mode == "P":
        table = rng.integers(0, 256, (4, 4), dtype=np.uint8)
        table[0, 3] = 0
        return png_chunk(b"PLTE", table[:, :3].tobytes()) + png_chunk(
            b"tRNS", table[:, 3].tobytes()
        ), table
    values = {"L": (1,), "RGB": (1, 0, 1)}.get(mode, ())
    content = struct.pack(f">{len(values)}H", *values)
    return (png_chunk(b"tRNS", content) if values else b""), np.array(values, dtype=np.uint8)


def as_rgba(mode: str, samples: NDArray[np.uint8], clear: NDArray[np.uint8]) -> Floats:
    if mode == "P":
        return clear[samples[..., 0]] / 255
    if mode in {"LA", "RGBA"}:
        alpha, colour = samples[..., -1:], samples[..., :-1]
    else:
        hidden = (samples == clear).all(axis=2, keepdims=True) if clear.size else False
        alpha, colour = np.where(hidden, 0, np.full_like(samples[..., :1], 255)), samples
    return np.concatenate([np.broadcast_to(colour, (*samples.shape[:2], 3)), alpha], axis=2) / 255


def drawn(mode: str, frames: Sequence[Frame], clear: NDArray[np.uint8]) -> Iterator[Floats]:
    """The standard's way, in floats: premultiplied colour and alpha of each frame."""
    canvas = np.zeros((SIDE, SIDE, 4))
    for frame in frames:
        height, width = frame.samples.shape[:2]
        part = (slice(frame.top, frame.top + height), slice(frame.left, frame.left + width))
        before = canvas.copy()
        new = as_rgba(mode, frame.samples, clear)
        new = np.concatenate([new[..., :3] * new[..., 3:], new[..., 3:]], axis=2)
        canvas[part] = new + canvas[part] * (1 - new[..., 3:]) if frame.blend == OVER else new
        yield canvas.copy()
        if frame.dispose == BACKGROUND:
            canvas[part] = 0
        elif frame.dispose == PREVIOUS:
            canvas = before


@pytest.mark.parametrize("with_clear", [False, True], ids=["whole", "transparent"])
@pytest.mark.parametrize("mode", CHANNELS)
def test_frames_are_drawn_as_the_standard_has_it(mode: str, with_clear: bool) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        between, clear = transparent(mode, rng)
        if mode == "P" and not with_clear:
            between, clear[:, 3] = between[: between.index(b"tRNS") - 4], 255
        elif not with_clear:
            between, clear = b"", clear[:0]
        frames = list(random_frames(rng, mode))
        with Image.open(io.BytesIO(apng(mode, frames, between=between))) as image:
            walk = FrameWalk(image, ImageLimits())
            for number, expected in enumerate(drawn(mode, frames, clear)):
                walk.go_to(number)
                shown = np.asarray(walk.load().convert("RGBA")) / 255
                found = np.concatenate([shown[..., :3] * shown[..., 3:], shown[..., 3:]], axis=2)
                assert np.abs(found - expected).max() < 6 / 255  # rounded at each frame


def test_an_interlaced_animation_is_read() -> None:
    dots = [Frame(np.full((1, 1, 1), level, np.uint8), 0, 0, NONE, SOURCE) for level in (10, 200)]

    views = decode_image(apng("L", dots, interlaced=1), ImageLimits(), 320).views

    assert {(view.frame, int(view.pixels[0, 0, 0])) for view in views} == {(0, 10), (1, 200)}


@pytest.mark.parametrize(("interlaced", "rows_bytes"), [(0, 8 * 25), (1, 15 + 8 * 24)])
@pytest.mark.parametrize("short", [0, 1])
@pytest.mark.parametrize("missing", [0, 1, 40])
def test_a_frame_that_ends_early_is_refused(
    interlaced: int, rows_bytes: int, short: int, missing: int
) -> None:
    """Browsers show what there is of it, the decoder the frame before."""
    chunks = [png_chunk(b"IHDR", struct.pack(">2I5B", 8, 8, 8, 2, 0, 0, interlaced))]
    chunks.append(png_chunk(b"acTL", struct.pack(">II", 2, 0)))
    for place, kind in enumerate((b"IDAT", b"fdAT")):
        chunks.append(png_chunk(b"fcTL", struct.pack(">5I2H2B", place, 8, 8, 0, 0, 5, 100, 0, 0)))
        pixels = zlib.compress(bytes(rows_bytes - missing * (place == short)))
        chunks.append(png_chunk(kind, struct.pack(">I", 2) * place + pixels))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + png_chunk(b"IEND", b"")

    if not missing:
        assert decode_image(data, ImageLimits(), 320).frames == 2
        return
    with pytest.raises(UndecodableImageError, match=r"fewer pixels|cut off"):
        decode_image(data, ImageLimits(), 320)


def test_a_callers_animation_is_left_where_it_stood() -> None:
    rng = np.random.default_rng(1)
    image = Image.open(io.BytesIO(apng("RGBA", list(random_frames(rng, "RGBA")))))
    for position in (3, 1, 2, 0, 4):
        image.seek(position)
        image.load()

        assert decode_image(image, ImageLimits(), 320).frames == 5

        assert image.tell() == position
