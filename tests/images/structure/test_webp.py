"""Lossless WebP whose flags deny its transparency: browsers show it, the decoder would not."""

import struct

import numpy as np
import pytest
from PIL import Image

from colour_profiles import SRGB
from pictures import encode, photo
from worksafe.errors import UndecodableImageError
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.images.structure.webp import as_browsers_show_it, frames_said_to_be_opaque

ALPHA = 0x10


def hidden() -> Image.Image:
    """A picture in the transparency of black."""
    grey = photo("cat").convert("L").resize((96, 64))
    black = Image.new("L", grey.size)
    return Image.merge("RGBA", (black, black, black, grey))


def deny(data: bytes, *, in_file: bool) -> bytes:
    """Clear the flag of each lossless picture, and of the file."""
    changed = bytearray(data)
    at = data.find(b"VP8L")
    while at >= 0:
        changed[at + 8 + 4] &= ~ALPHA
        at = data.find(b"VP8L", at + 1)
    if in_file and data[12:16] == b"VP8X":
        changed[20] &= ~ALPHA
    return bytes(changed)


def lossless(*more: Image.Image, profile: bytes = b"") -> bytes:
    options = {"save_all": True, "append_images": more, "duration": 100} if more else {}
    return encode(
        hidden(),
        "WEBP",
        lossless=True,
        exact=True,
        icc_profile=profile,
        minimize_size=True,
        **options,
    )


@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize(
    "data",
    [lossless(), lossless(profile=SRGB)],
    ids=["alone", "with a profile"],
)
def test_transparency_is_seen_whatever_the_flags_say(data: bytes, in_file: bool) -> None:
    shown = decode_image(data, ImageLimits(), 320).views

    views = decode_image(deny(data, in_file=in_file), ImageLimits(), 320).views

    assert b"VP8L" in data
    assert len(views) == len(shown) > 1
    for view, wanted in zip(views, shown, strict=True):
        assert np.array_equal(view.pixels, wanted.pixels)


def moving(*, lossy: bool = False) -> bytes:
    if not lossy:
        return lossless(hidden().rotate(180), hidden())
    options = {"save_all": True, "append_images": [hidden().rotate(180)], "duration": 100}
    return encode(hidden(), "WEBP", quality=80, **options)


@pytest.mark.parametrize("lossy", [False, True])
def test_an_animation_that_denies_its_frames_transparency_is_refused(lossy: bool) -> None:
    """Browsers add the colours of what is transparent to what is below."""
    data = bytearray(moving(lossy=lossy))
    assert decode_image(bytes(data), ImageLimits(), 320).views
    data[20] &= ~ALPHA

    with pytest.raises(UndecodableImageError, match="denies"):
        decode_image(bytes(data), ImageLimits(), 320)


@pytest.mark.parametrize("in_file", [False, True])
def test_an_animation_whose_frame_denies_its_own_is_refused(in_file: bool) -> None:
    """Browsers draw such a frame alpha and all, where the decoder blends it."""
    with pytest.raises(UndecodableImageError, match="denies"):
        decode_image(deny(moving(), in_file=in_file), ImageLimits(), 320)


def test_an_animation_of_opaque_frames_is_read() -> None:
    options = {"save_all": True, "append_images": [photo("cat").rotate(180)], "duration": 100}
    data = encode(photo("cat"), "WEBP", lossless=True, **options)

    assert b"VP8L" in data
    assert len(decode_image(data, ImageLimits(), 320).views) == 2


def test_an_opaque_picture_is_seen_once_and_as_it_is() -> None:
    data = encode(photo("cat"), "WEBP", lossless=True)

    (view,) = decode_image(data, ImageLimits(), 2000).views

    assert as_browsers_show_it(data) != data
    assert np.array_equal(view.pixels, np.asarray(photo("cat")))


def test_lossy_pictures_and_what_follows_a_file_stay_as_they_are() -> None:
    for data in (encode(photo("cat"), "WEBP"), encode(hidden(), "WEBP"), b"RIFF", b""):
        padded = data + bytes(2_000_000) + b"VP8L"
        assert as_browsers_show_it(padded) == padded


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


@pytest.mark.parametrize(
    ("picture", "match"),
    [
        (b"", "cut off"),
        (b"\x2f" + struct.pack("<I", 8999 | 8999 << 14) + bytes(9), "larger than the webp"),
    ],
)
def test_a_frame_that_is_no_picture_of_its_size_is_an_error(picture: bytes, match: str) -> None:
    size = (15).to_bytes(3, "little") * 2
    body = b"WEBP" + chunk(b"VP8X", b"\x12\x00\x00\x00" + size) + chunk(b"ANIM", bytes(6))
    body += chunk(b"ANMF", bytes(16) + chunk(b"VP8L", picture)) + chunk(b"XXXX", bytes(8))
    data = chunk(b"RIFF", body)

    with pytest.raises(UndecodableImageError, match=match):
        list(frames_said_to_be_opaque(data))
    with pytest.raises(UndecodableImageError):
        decode_image(data, ImageLimits(), 320)
