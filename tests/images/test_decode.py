import io
import struct
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from pictures import BROKEN, encode, photo, photographs
from worksafe.errors import (
    ImageBytesError,
    ImageFramesError,
    ImagePixelsError,
    ImageSideError,
    InputError,
    UndecodableImageError,
)
from worksafe.images.decode import decode_image
from worksafe.images.frames import FrameWalk
from worksafe.images.limits import ImageLimits
from worksafe.images.pictures import DecodedImage
from worksafe.images.source import Source

SIDE_PX = 320


def decode(source: Source, **limits: int) -> DecodedImage:
    return decode_image(source, ImageLimits(**limits), SIDE_PX)


def heic(image: Image.Image) -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, quality=90)
    return file.getvalue()


ENCODED = {
    "jpeg": lambda image: encode(image, "JPEG", quality=95),
    "png": lambda image: encode(image, "PNG"),
    "gif": lambda image: encode(image, "GIF"),
    "webp": lambda image: encode(image, "WEBP", quality=95),
    "bmp": lambda image: encode(image, "BMP"),
    "tiff": lambda image: encode(image, "TIFF"),
    "avif": lambda image: encode(image, "AVIF", quality=90),
    "heic": heic,
}


@pytest.mark.parametrize("name", ENCODED)
def test_decodes_every_accepted_format_and_names_it_by_its_bytes(name: str) -> None:
    decoded = decode(ENCODED[name](photo("cat")))

    assert decoded.format == name
    assert (decoded.width, decoded.height) == (451, 300)
    original = photographs()["cat"]
    difference = np.abs(decoded.views[0].pixels.astype(int) - original.astype(int))
    assert difference.mean() < 12


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_large_pictures_are_scaled_down_but_not_below_what_detectors_want(
    image_format: str,
) -> None:
    large = photo("coffee").resize((2400, 1600))

    decoded = decode(encode(large, image_format))

    assert (decoded.width, decoded.height) == (2400, 1600)
    height, width = decoded.views[0].pixels.shape[:2]
    assert SIDE_PX <= width < 1200
    assert width / height == pytest.approx(1.5, abs=0.02)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_input_errors_with_a_code(name: str) -> None:
    data, code = BROKEN[name]

    with pytest.raises(InputError) as caught:
        decode(data)

    assert caught.value.code == code


def test_the_bytes_decide_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(encode(photo(), "PNG"))

    assert decode(path).format == "png"


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        ({"max_bytes": 1000}, ImageBytesError),
        ({"max_side_px": 511}, ImageSideError),
        ({"max_pixels": 512 * 512 - 1}, ImagePixelsError),
    ],
)
def test_ceilings_are_refused(limits: dict[str, int], error: type[InputError]) -> None:
    with pytest.raises(error):
        decode(encode(photo(), "PNG"), **limits)


def test_a_picture_at_the_ceiling_is_decoded() -> None:
    data = encode(photo(), "PNG")

    decoded = decode(data, max_bytes=len(data), max_side_px=512, max_pixels=512 * 512)

    assert decoded.width == 512


def animation(colours: list[int], image_format: str) -> bytes:
    frames = [Image.new("RGB", (48, 32), (colour, colour, colour)) for colour in colours]
    return encode(
        frames[0],
        image_format,
        save_all=True,
        append_images=frames[1:],
        duration=40,
        **({"lossless": True} if image_format == "WEBP" else {}),
    )


@pytest.mark.parametrize("image_format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_frames_are_spread_over_an_animation(image_format: str) -> None:
    colours = [5 * index for index in range(50)]

    decoded = decode(animation(colours, image_format), max_frames=4)

    frames = [view.frame for view in decoded.views]
    assert decoded.frames == 50
    assert len(frames) == 4
    assert frames == sorted(frames)
    assert all(min(abs(frame - other) for other in frames) <= 17 for frame in range(50))
    for view in decoded.views:
        assert view.pixels.mean() == pytest.approx(colours[view.frame], abs=3)


def test_an_animation_too_long_to_look_through_is_refused() -> None:
    with pytest.raises(ImageFramesError):
        decode(animation([0, 90, 180], "GIF"), max_animation_pixels=48 * 32 * 3 - 1)


def test_a_larger_later_page_of_a_tiff_is_refused() -> None:
    pages = encode(
        Image.new("RGB", (20, 20)),
        "TIFF",
        save_all=True,
        append_images=[Image.new("RGB", (400, 20))],
    )

    with pytest.raises(ImageSideError):
        decode(pages, max_side_px=300)


@pytest.mark.parametrize(("second", "views"), [("coffee", 1), ("cat", 2)])
def test_another_picture_in_an_mpo_is_checked_and_scaled(second: str, views: int) -> None:
    large = photo("coffee").resize((2400, 1600))
    data = encode(large, "MPO", save_all=True, append_images=[photo(second).resize((2400, 1600))])

    decoded = decode(data)

    assert (decoded.format, decoded.frames, len(decoded.views)) == ("jpeg", 2, views)
    assert all(max(view.pixels.shape) < 1200 for view in decoded.views)


def test_a_million_tiny_frames_are_refused_without_walking_through_them() -> None:
    start, frame, end = tiny_gif_parts()

    with pytest.raises(ImageFramesError, match="more than 20000 frames"):
        decode(start + frame * 1_000_000 + end)


def test_a_chain_of_tiff_pages_that_runs_in_a_circle_ends() -> None:
    page = bytearray(encode(Image.new("L", (4, 4)), "TIFF"))
    first = int.from_bytes(page[4:8], "little")
    entries = int.from_bytes(page[first : first + 2], "little")
    link = first + 2 + 12 * entries
    page[link : link + 4] = page[4:8]

    try:
        decoded = decode(bytes(page))
    except InputError:
        return
    assert decoded.frames < 3


def tiny_gif_parts() -> tuple[bytes, bytes, bytes]:
    whole = encode(Image.new("P", (1, 1)), "GIF")
    start = whole.index(b",")
    return whole[:start], whole[start:-1], whole[-1:]


def test_the_picture_beside_the_film_of_an_avif_is_seen_too() -> None:
    """By its brand a viewer shows the one or the other."""
    frames = [Image.new("RGB", (128, 128), (level, 180, level)) for level in (100, 160, 220)]
    film = encode(frames[0], "AVIF", save_all=True, append_images=frames[1:], duration=100)
    still = photo("cat").resize((128, 128))
    data = _with_still(film, encode(still, "AVIF"))

    for brand in (b"avif", b"avis"):
        decoded = decode(data[:8] + brand + data[12:])

        assert decoded.odd_thumbnail
        assert decoded.frames == 3
        differences = [
            np.abs(view.pixels.astype(int) - np.asarray(still).astype(int)).mean()
            for view in decoded.views
        ]
        assert min(differences) < 10


def test_a_picture_beside_a_film_that_cannot_be_read_is_an_error() -> None:
    """Browsers may be able to."""
    frames = [photo("cat").resize((64, 48)).rotate(turn) for turn in (0, 9)]
    film = encode(frames[0], "AVIF", save_all=True, append_images=frames[1:], duration=100)
    place, _, length = _item(film)
    beyond = film[:place] + struct.pack(">2I", len(film), length) + film[place + 8 :]

    assert decode(film).frames == 2
    with pytest.raises(UndecodableImageError):
        decode(beyond)


def _with_still(film: bytes, still: bytes) -> bytes:
    """Let an AVIF's item be another file's: it comes last, and the item points there."""
    (place, _, _), (_, start, length) = _item(film), _item(still)
    payload = still[start : start + length]
    pointer = struct.pack(">2I", len(film) + 8, length)
    moved = film[:place] + pointer + film[place + 8 :]
    return moved + struct.pack(">I4s", 8 + length, b"mdat") + payload


def _item(data: bytes) -> tuple[int, int, int]:
    """Find where the place of an AVIF's first item stands, and what it says: start and length."""
    place = data.index(b"iloc") + 18  # version, sizes, count, number and reference come before
    return (place, *struct.unpack_from(">2I", data, place))


def test_the_picture_of_a_heic_is_the_one_that_it_names() -> None:
    file = io.BytesIO()
    several = pillow_heif.HeifFile()  # type: ignore[no-untyped-call]
    for colour, size in (((250, 0, 0), (64, 48)), ((0, 0, 250), (200, 100))):
        several.add_from_pillow(Image.new("RGB", size, colour))
    several.save(file, primary_index=1)

    decoded = decode(file.getvalue())

    assert (decoded.width, decoded.height) == (200, 100)
    assert decoded.picture.shape == (100, 200, 3)
    assert {view.pixels.shape for view in decoded.views} == {(100, 200, 3), (48, 64, 3)}


@pytest.mark.parametrize(
    ("error", "code", "is_told"),
    [
        (OSError("truncated"), "undecodable_image", False),
        (AttributeError("no such member"), "undecodable_image", True),
        (MemoryError(), "decoder_crashed", False),
    ],
)
def test_a_decoder_that_fails_by_the_code_is_told_of(
    error: Exception,
    code: str,
    is_told: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(FrameWalk, "load", fail)

    with pytest.raises(InputError) as caught:
        decode_image(encode(photo()), ImageLimits(), 320)

    assert caught.value.code == code
    assert ("AttributeError" in caplog.text) == is_told


def test_all_pages_count_towards_what_is_looked_through() -> None:
    pages = [Image.new("L", (300, 300))] * 4
    data = encode(Image.new("L", (10, 10)), "TIFF", save_all=True, append_images=pages)

    with pytest.raises(ImageFramesError):
        decode_image(data, ImageLimits(max_animation_pixels=300_000), 32)
