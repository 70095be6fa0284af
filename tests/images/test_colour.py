import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from pictures import encode, photo, photographs
from worksafe.errors import UndecodableImageError
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


@pytest.mark.parametrize(
    "data",
    [
        with_gamma(1.0),
        with_gamma(0.00001),
        with_gamma(20000.0),
        encode(photo("cat"), "PNG", icc_profile=linear_profile()),
    ],
)
def test_what_ignores_colours_shows_the_stored_picture_which_is_seen_too(data: bytes) -> None:
    views = decode_image(data, ImageLimits(), 320).views

    assert len(views) == 2
    assert np.array_equal(views[1].pixels, photographs()["cat"])


def grey_profile(curve: tuple[int, ...]) -> bytes:
    """The smallest profile of grey: a white point, and a curve."""
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    bent = b"curv" + bytes(4) + struct.pack(f">I{len(curve)}H", len(curve), *curve)
    bent = bent.ljust(-(-len(bent) // 4) * 4, b"\x00")
    start = 128 + 4 + 2 * 12
    tags = struct.pack(">I", 2)
    tags += struct.pack(">4sII", b"wtpt", start, len(white))
    tags += struct.pack(">4sII", b"kTRC", start + len(white), len(bent))
    head = struct.pack(">I4sI4s4s4s", start + len(white) + len(bent), b"", 0x02100000, b"mntr",
                       b"GRAY", b"XYZ ")  # fmt: skip
    head = head.ljust(36, b"\x00") + b"acsp"
    head = head.ljust(68, b"\x00") + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\x00") + tags + white + bent


def test_a_profile_of_grey_is_applied() -> None:
    plain = np.asarray(photo("cat").convert("L")).astype(float)

    shown = pixels(encode(photo("cat").convert("L"), "PNG", icc_profile=grey_profile((65535, 0))))

    assert np.corrcoef(plain.ravel(), shown[..., 0].astype(float).ravel())[0, 1] < -0.9


def test_gamma_counts_where_the_profile_is_damaged() -> None:
    data = with_gamma(1.0)
    body = b"any\x00\x00" + zlib.compress(b"damaged")
    chunk = struct.pack(">I", len(body)) + b"iCCP" + body
    chunk += struct.pack(">I", zlib.crc32(b"iCCP" + body))

    assert np.array_equal(pixels(data[:33] + chunk + data[33:]), pixels(data))


def test_a_profile_that_is_too_large_to_be_read_is_an_error() -> None:
    data = encode(photo("cat"), "JPEG", icc_profile=linear_profile().ljust(3 * 1024**2, b"\x00"))

    with pytest.raises(UndecodableImageError, match="profile"):
        pixels(data)


def test_a_grey_picture_with_a_colour_profile_is_decoded() -> None:
    data = encode(Image.new("L", (40, 40), 90), "PNG", icc_profile=linear_profile())

    assert pixels(data).shape == (40, 40, 3)
