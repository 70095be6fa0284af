import struct

import numpy as np
import pytest
from PIL import Image

from pictures import encode, photo
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.images.pictures import DecodedImage
from worksafe.images.source import Source


def decode(source: Source) -> DecodedImage:
    return decode_image(source, ImageLimits(), 320)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"])
def test_every_pixel_mode_keeps_light_and_dark_apart(mode: str) -> None:
    ramp = np.tile(np.linspace(0, 255, 64), (64, 1))
    grey = Image.fromarray(ramp.astype(np.uint8))
    if mode == "I;16":
        image = Image.fromarray((ramp * 257).astype(np.uint16))
    elif mode in {"I", "F"}:
        image = Image.fromarray((ramp * 1000).astype(np.int32 if mode == "I" else np.float32))
    elif mode == "LAB":
        image = Image.merge("LAB", [grey, *[Image.new("L", grey.size, 128)] * 2])
    else:
        image = (grey if mode in {"L", "1", "P"} else grey.convert("RGB")).convert(mode)

    pixels = decode(encode(image, "TIFF")).views[0].pixels

    assert pixels.shape == (64, 64, 3)
    assert pixels[:, :8].mean() < 40
    assert pixels[:, -8:].mean() > 215


@pytest.mark.parametrize(("ink", "name"), [(255, "white"), (0, "black")])
def test_nothing_hides_on_a_white_or_a_black_background(ink: int, name: str) -> None:
    pixels = np.zeros((64, 64, 4), dtype=np.uint8)
    pixels[..., :3] = ink
    pixels[16:48, 16:48, 3] = 255  # a square of ink on nothing
    data = encode(Image.fromarray(pixels), "PNG")

    views = decode(data).views

    assert len(views) == 2, name
    assert {view.frame for view in views} == {0}
    assert max(np.ptp(view.pixels) for view in views) == 255


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "BMP", "TIFF"])
def test_what_lies_under_nothing_is_seen_too(image_format: str) -> None:
    """Whatever forgets alpha shows it: a converter to JPEG, a thumbnailer."""
    hidden = photo("cat").convert("RGBA")
    hidden.putalpha(0)
    lossless = {"exact": True, "lossless": True} if image_format == "WEBP" else {}
    if image_format == "BMP":
        data = _bmp_with_alpha(hidden)
    else:
        data = encode(hidden, image_format, **lossless)

    last = decode(data).views[-1].pixels

    assert np.abs(last.astype(int) - np.asarray(photo("cat")).astype(int)).mean() < 1


def _bmp_with_alpha(image: Image.Image) -> bytes:
    """Write 32 bits for each pixel with a mask for alpha, as a BITMAPV4HEADER has it."""
    rows = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).tobytes("raw", "BGRA")
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    head = struct.pack("<IiiHHIIiiII", 108, *image.size, 1, 32, 3, len(rows), 0, 0, 0, 0)
    head = (head + masks).ljust(108, b"\x00")
    return struct.pack("<2sIHHI", b"BM", 14 + 108 + len(rows), 0, 0, 14 + 108) + head + rows


def test_an_opaque_alpha_channel_costs_no_second_view() -> None:
    assert len(decode(encode(photo().convert("RGBA"), "PNG")).views) == 1


def test_transparent_palettes_give_two_views() -> None:
    image = Image.new("P", (40, 40), 0)
    image.putpalette([255, 255, 255, 0, 0, 0])
    image.info["transparency"] = 0

    assert len(decode(encode(image, "GIF", transparency=0)).views) == 2


def test_a_transparent_picture_of_odd_sides_is_reduced_as_a_whole() -> None:
    picture = photo("coffee").convert("RGBA").resize((1301, 997))
    picture.putalpha(128)

    views = decode_image(encode(picture, "PNG"), ImageLimits(), 320).views

    assert len(views) > 1
    assert views[0].pixels.shape == (499, 651, 3)


@pytest.mark.parametrize(
    ("share", "alpha", "count"), [(0.02, 0, 2), (0.002, 0, 1), (0.5, 225, 2), (0, 0, 1)]
)
def test_what_shows_through_counts_where_it_can_be_seen(
    share: float, alpha: int, count: int
) -> None:
    pixels = np.full((1000, 100, 4), 255, dtype=np.uint8)
    pixels[: int(1000 * share), :, 3] = alpha

    assert (
        len(decode_image(encode(Image.fromarray(pixels), "PNG"), ImageLimits(), 320).views) == count
    )


def test_premultiplied_grey_is_decoded() -> None:
    grey = Image.merge("LA", [Image.linear_gradient("L"), Image.new("L", (256, 256), 128)])

    assert len(decode(grey.convert("La")).views) == 3


def hidden_levels(kind: str, low: float, high: float, extreme: float) -> Image.Image:
    """A photograph in a narrow range of levels, and a few rows far outside of it."""
    grey = np.asarray(photo("cat").convert("L").resize((128, 128))) / 255
    levels = low + grey * (high - low)
    levels[:5] = extreme  # 3.9 %
    return Image.fromarray(levels.astype(kind))


@pytest.mark.parametrize(
    ("format_name", "picture"),
    [
        ("PNG", hidden_levels("uint16", 0, 255, 65535)),
        ("TIFF", hidden_levels("uint16", 0, 255, 65535)),
        ("TIFF", hidden_levels("int32", 0, 255, 2**31 - 1)),
        ("TIFF", hidden_levels("float32", 0, 1, 1e6)),
        ("TIFF", hidden_levels("float32", 0, 255, 1e6)),
        ("TIFF", hidden_levels("float32", 1000, 1001, np.nan)),
    ],
)
def test_levels_that_extreme_ones_press_into_one_are_seen(
    format_name: str, picture: Image.Image
) -> None:
    expected = np.asarray(photo("cat").convert("L").resize((128, 128)))[5:].ravel()

    views = decode(encode(picture, format_name)).views

    likeness = [
        np.corrcoef(view.pixels[5:, :, 0].ravel(), expected)[0, 1] if np.ptp(view.pixels[5:]) else 0
        for view in views
    ]
    assert max(likeness) > 0.99
    assert len(views) <= 4


@pytest.mark.parametrize("extreme", [1e9, -1e9, 1e30, np.inf, np.nan])
def test_one_extreme_level_does_not_blank_a_float_picture(extreme: float) -> None:
    ramp = np.tile(np.linspace(0, 255, 64), (64, 1)).astype(np.float32)
    ramp[0, 0] = extreme

    pixels = decode(encode(Image.fromarray(ramp), "TIFF")).views[0].pixels

    assert pixels[:, :8].mean() < 40
    assert pixels[:, -8:].mean() > 215


def test_of_sixteen_bits_the_whole_range_comes_first() -> None:
    ramp = np.tile(np.linspace(0, 1000, 64), (64, 1))
    ramp[0, 0] = 60_000
    data = encode(Image.fromarray(ramp.astype(np.uint16)), "PNG")

    first, *_ = decode_image(data, ImageLimits(), 320).views

    assert first.pixels[1:].max() < 10
