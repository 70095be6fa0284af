"""Colour profiles that browsers go by otherwise than the library here, or not at all."""

import struct

import numpy as np
import pytest
from numpy.typing import NDArray

from colour_profiles import SRGB, inverting_table, linear, profile_of, tags_of
from pictures import encode, photo, photographs
from worksafe.errors import UndecodableImageError
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits

LAB = SRGB[:20] + b"Lab " + SRGB[24:128]
TAGS = tags_of(linear())


def code_points(transfer: int) -> bytes:
    return b"cicp" + bytes(4) + bytes([1, transfer, 0, 1])


def views(profile: bytes, image_format: str = "PNG") -> list[NDArray[np.uint8]]:
    data = encode(photo("cat"), image_format, icc_profile=profile)
    return [view.pixels for view in decode_image(data, ImageLimits(), 320).views]


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    "profile",
    [
        profile_of([*TAGS, TAGS[-1]]),
        profile_of([*TAGS, *((b"z%03d" % at, b"text\x00\x00\x00\x00a") for at in range(101))]),
        profile_of([*TAGS, (b"D2B0", b"mpet" + bytes(40))]),
        profile_of(TAGS, SRGB[:16] + b"3CLR" + SRGB[20:128]),
        profile_of(TAGS, SRGB[:16] + bytes(4) + SRGB[20:128]),
        linear()[:200],
        profile_of([*TAGS, (b"A2B0", inverting_table())], SRGB[:20] + b"XYZ " + SRGB[24:128]),
    ],
    ids=["a tag twice", "too many tags", "floats", "3CLR", "no colours", "cut off", "to XYZ"],
)
def test_a_profile_that_viewers_do_not_agree_on_is_refused(
    profile: bytes, image_format: str
) -> None:
    with pytest.raises(UndecodableImageError, match="profile"):
        views(profile, image_format)


@pytest.mark.parametrize("name", [b"A2B0", b"A2B1"])
@pytest.mark.parametrize("beside_a_matrix", [True, False])
def test_a_table_is_applied_wherever_browsers_look_for_it(
    name: bytes, beside_a_matrix: bool
) -> None:
    matrix = TAGS if beside_a_matrix else [(b"wtpt", dict(TAGS)[b"wtpt"])]

    shown, stored = views(profile_of([*matrix, (name, inverting_table())], LAB))

    cat = photographs()["cat"].mean(axis=2)
    assert np.array_equal(stored, photographs()["cat"])
    assert np.corrcoef(shown.mean(axis=2).ravel(), cat.ravel())[0, 1] < -0.9


@pytest.mark.parametrize(("transfer", "is_other"), [(1, False), (13, False), (8, True), (16, True)])
def test_code_points_in_a_profile_are_gone_by(transfer: int, is_other: bool) -> None:
    profile = profile_of([*tags_of(SRGB), (b"cicp", code_points(transfer))])

    seen = views(profile)

    assert (len(seen) > 1) == is_other
    assert np.array_equal(seen[-1], photographs()["cat"])


def test_black_stays_where_a_profile_has_it() -> None:
    """The library moves the darkest of a profile to black where both are of version 4."""
    levels = np.linspace(0.2, 1, 256) ** 2.2 * 65535
    curve = b"curv" + bytes(4) + struct.pack(">I256H", 256, *levels.round().astype(int))
    raised = [(name, curve if name.endswith(b"TRC") else tag) for name, tag in tags_of(SRGB)]

    shown, _ = views(profile_of(raised, SRGB[:8] + b"\x04\x30\x00\x00" + SRGB[12:128]))

    assert shown.min() > 40


def test_bytes_that_are_no_profile_and_one_for_other_pictures_change_nothing() -> None:
    for profile in (b"\x00" * 300, b"damaged", SRGB[:16] + b"CMYK" + SRGB[20:]):
        (seen,) = views(profile)
        assert np.array_equal(seen, photographs()["cat"])


def test_a_table_of_tags_that_points_anywhere_is_no_crash() -> None:
    profile = bytearray(profile_of([*tags_of(SRGB), (b"cicp", code_points(8))]))
    at = profile.index(b"cicp")
    profile[at + 4 : at + 8] = struct.pack(">I", 2**32 - 1)

    (seen,) = views(bytes(profile))
    assert np.array_equal(seen, photographs()["cat"])
