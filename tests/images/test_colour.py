import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from pictures import encode, photo, photographs
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.images.resize import RgbImage


def pixels(data: bytes) -> RgbImage:
    return decode_image(data, ImageLimits(), 320).views[0].pixels


def with_gamma(gamma: float, *, also_srgb: bool = False) -> bytes:
    """A PNG that asks viewers for a gamma."""
    data = encode(photo("cat"), "PNG")
    chunks = b""
    for kind, body in [(b"gAMA", struct.pack(">I", round(gamma * 100_000)))] + (
        [(b"sRGB", b"\x00")] if also_srgb else []
    ):
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        chunks += struct.pack(">I", len(body)) + kind + body + checksum
    return data[:33] + chunks + data[33:]


def linear_profile() -> bytes:
    """sRGB's profile with its curves made straight: viewers show such a file much lighter."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack_from(">I", profile, 128)[0]
    for index in range(count):
        name, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        if name in {b"rTRC", b"gTRC", b"bTRC"}:
            curve = b"curv" + bytes(4) + struct.pack(">I", 0)
            profile[offset : offset + size] = curve.ljust(size, b"\x00")
    return bytes(profile)


def test_a_gamma_that_hides_a_picture_in_the_dark_is_applied() -> None:
    plain = photographs()["cat"].astype(int)

    shown = pixels(with_gamma(1.0)).astype(int)

    expected = 255 * (plain / 255) ** (1 / 2.2)
    assert np.abs(shown - expected).mean() < 1


@pytest.mark.parametrize("data", [with_gamma(1 / 2.2), with_gamma(1.0, also_srgb=True)])
def test_the_usual_gamma_changes_nothing(data: bytes) -> None:
    assert np.array_equal(pixels(data), photographs()["cat"])


def test_a_profile_that_hides_a_picture_in_the_dark_is_applied() -> None:
    plain = photographs()["cat"].astype(int)

    shown = pixels(encode(photo("cat"), "PNG", icc_profile=linear_profile())).astype(int)

    assert shown.mean() > plain.mean() + 30


@pytest.mark.parametrize(
    "profile",
    [
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
        b"\x00" * 300,
        b"damaged",
    ],
)
def test_the_usual_profile_and_a_damaged_one_change_nothing(profile: bytes) -> None:
    data = encode(photo("cat"), "PNG", icc_profile=profile)

    assert np.array_equal(pixels(data), photographs()["cat"])


def test_a_grey_picture_with_a_colour_profile_is_decoded() -> None:
    data = encode(Image.new("L", (40, 40), 90), "PNG", icc_profile=linear_profile())

    assert pixels(data).shape == (40, 40, 3)
