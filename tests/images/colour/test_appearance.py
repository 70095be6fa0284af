import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from colour_profiles import SRGB, linear, with_curve
from pictures import chunk_after_header, encode, photo, photographs
from worksafe.errors import UndecodableImageError
from worksafe.images.colour.cicp import level_table
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.images.resize import RgbImage


def pixels(data: bytes) -> RgbImage:
    return decode_image(data, ImageLimits(), 320).views[0].pixels


def with_gamma(gamma: float, *, also_srgb: bool = False) -> bytes:
    """A PNG that asks viewers for a gamma."""
    data = chunk_after_header(
        encode(photo("cat"), "PNG"), b"gAMA", struct.pack(">I", round(gamma * 100_000))
    )
    return chunk_after_header(data, b"sRGB", b"\x00") if also_srgb else data


def scrambled_levels() -> NDArray[np.uint8]:
    """What a level is shown as: six of them as themselves, all others in disorder."""
    kept = {255 * index // 5 for index in range(6)}
    others = [level for level in range(256) if level not in kept]
    shown = np.arange(256, dtype=np.uint8)
    shown[others] = np.random.default_rng(5).permutation(others)
    return shown


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

    shown = pixels(encode(photo("cat"), "PNG", icc_profile=linear())).astype(int)

    assert shown.mean() > plain.mean() + 30


@pytest.mark.parametrize(
    "profile",
    [
        SRGB,
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
        encode(photo("cat"), "PNG", icc_profile=linear()),
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
    damaged = chunk_after_header(data, b"iCCP", b"any\x00\x00" + zlib.compress(b"damaged"))

    assert np.array_equal(pixels(damaged), pixels(data))


@pytest.mark.parametrize(
    "shown",
    [
        scrambled_levels(),
        np.where(np.arange(256) % 8 < 4, np.arange(256), np.arange(256) - 20).clip(0),  # zig-zag
        np.where(np.arange(256) < 128, 0, 255),
    ],
)
def test_a_profile_that_tears_levels_apart_is_refused(shown: NDArray[np.int64]) -> None:
    light = (shown / 255) ** 2.2 * 65535
    curve = b"curv" + bytes(4) + struct.pack(">I256H", 256, *light.round().astype(int))

    with pytest.raises(UndecodableImageError, match="profile"):
        pixels(encode(photo("cat"), "PNG", icc_profile=with_curve(curve)))


def test_a_profile_that_changes_little_in_the_mean_and_much_where_it_matters_is_applied() -> None:
    shown = np.arange(256) + np.clip(8 * (np.arange(256) - 127), -9, 9)
    light = (shown.clip(0, 255) / 255) ** 2.2 * 65535
    curve = b"curv" + bytes(4) + struct.pack(">I256H", 256, *light.round().astype(int))
    hidden = Image.fromarray((126 + (photographs()["cat"] > 110) * 3).astype(np.uint8))
    data = encode(hidden, "PNG", icc_profile=with_curve(curve))

    first, second = (view.pixels for view in decode_image(data, ImageLimits(), 320).views)

    assert first.std() > 3 * second.std()


@pytest.mark.parametrize("gamma", [0.00001, 5.0, 20000.0])
def test_a_gamma_that_no_file_has_is_refused(gamma: float) -> None:
    with pytest.raises(UndecodableImageError, match="apart"):
        pixels(with_gamma(gamma))


def test_colours_that_are_said_to_be_xyz_are_refused() -> None:
    data = chunk_after_header(encode(photo("cat"), "PNG"), b"cICP", bytes([10, 13, 0, 1]))

    with pytest.raises(UndecodableImageError, match="XYZ"):
        pixels(data)


@pytest.mark.parametrize("kind", [b"link", b"abst", b"nmcl"])
def test_a_profile_of_a_class_that_only_browsers_accept_is_applied(kind: bytes) -> None:
    odd = encode(photo("cat"), "PNG", icc_profile=linear(kind=kind))
    usual = encode(photo("cat"), "PNG", icc_profile=linear())

    assert np.array_equal(pixels(odd), pixels(usual))


def test_a_profile_in_a_bmp_is_applied() -> None:
    plain = encode(photo("cat"), "BMP")
    profile = linear()
    header = bytearray(struct.pack("<I", 124) + plain[18:54] + bytes(84))
    start = 14 + len(header)
    pixels_of = plain[54:]
    header[56:60] = b"DEBM"
    header[112:120] = struct.pack("<II", len(header) + len(pixels_of), len(profile))
    data = plain[:10] + struct.pack("<I", start) + bytes(header) + pixels_of + profile

    first, second = decode_image(data, ImageLimits(), 320).views

    assert first.pixels.mean() > second.pixels.mean() + 30
    assert np.array_equal(second.pixels, photographs()["cat"])


def test_code_points_behind_decoys_are_applied() -> None:
    plain = encode(photo("cat"), "PNG")
    linear = chunk_after_header(plain, b"cICP", bytes([1, 8, 0, 1]))
    decoy = b"\x00\x00\x00\x04cICP" + bytes([1, 13, 0, 1])
    data = chunk_after_header(chunk_after_header(linear, b"tEXt", b"a\x00IDAT"), b"prIv", decoy)

    assert len(decode_image(data, ImageLimits(), 320).views) == 2


def test_many_ways_to_read_the_levels_make_no_more_pictures_than_there_are_ways() -> None:
    marks = b"".join(
        b"\0\0\0\4cICP" + bytes([primaries, transfer, 0, 1])
        for primaries in range(11, 100)
        for transfer in (1, 8, 13, 16)
    )
    data = chunk_after_header(encode(photo("cat"), "PNG"), b"prIv", marks)

    assert len(decode_image(data, ImageLimits(), 320).views) == 3


def cmyk_profile() -> bytes:
    """A profile of four inks of which the last is all that counts, and that backwards."""
    grid = 2
    lightness = [(65280 if corner & 1 else 0, 32768, 32768) for corner in range(grid**4)]
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    ramp = struct.pack(">2H", 0, 65535)
    table = b"mft2" + bytes(4) + struct.pack(">4B", 4, 3, grid, 0) + matrix
    table += struct.pack(">2H", 2, 2) + ramp * 4
    table += b"".join(struct.pack(">3H", *colour) for colour in lightness) + ramp * 3
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    tags = struct.pack(">I", 2) + struct.pack(">4sII", b"wtpt", 156, len(white))
    tags += struct.pack(">4sII", b"A2B0", 156 + len(white), len(table))
    size = 156 + len(white) + len(table)
    head = struct.pack(">I4sI4s4s4s", size, b"", 0x02100000, b"prtr", b"CMYK", b"Lab ")
    head = head.ljust(36, b"\x00") + b"acsp"
    head = head.ljust(68, b"\x00") + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\x00") + tags + white + table


@pytest.mark.parametrize("format_name", ["JPEG", "TIFF"])
def test_a_profile_of_inks_is_applied(format_name: str) -> None:
    black = np.asarray(photo("cat").convert("L"))
    inks = Image.fromarray(np.dstack([np.zeros((*black.shape, 3), np.uint8), black]), "CMYK")

    views = decode_image(
        encode(inks, format_name, icc_profile=cmyk_profile()), ImageLimits(), 320
    ).views

    assert len(views) == 2
    first, second = (view.pixels[..., 0].astype(float).ravel() for view in views)
    assert np.corrcoef(first, second)[0, 1] < -0.9


@pytest.mark.parametrize(("transfer", "exponent"), [(8, 1.0), (5, 2.8)])
def test_code_points_of_a_png_are_applied(transfer: int, exponent: float) -> None:
    plain = photographs()["cat"] / 255
    data = chunk_after_header(encode(photo("cat"), "PNG"), b"cICP", bytes([1, transfer, 0, 1]))

    first, second = decode_image(data, ImageLimits(), 320).views

    expected = 255 * (plain**exponent) ** (1 / 2.2)
    assert np.abs(first.pixels - expected).mean() < 5
    assert np.array_equal(second.pixels, photographs()["cat"])


@pytest.mark.parametrize("transfer", [0, 1, 2, 13, 200])
def test_code_points_that_change_little_or_mean_nothing_change_nothing(transfer: int) -> None:
    data = chunk_after_header(encode(photo("cat"), "PNG"), b"cICP", bytes([1, transfer, 0, 1]))

    (only,) = decode_image(data, ImageLimits(), 320).views

    assert np.array_equal(only.pixels, photographs()["cat"])


@pytest.mark.parametrize("format_name", ["AVIF", "HEIF"])
def test_code_points_of_an_avif_and_a_heic_are_applied(format_name: str) -> None:
    usual = encode(photo("cat"), format_name)
    at = usual.index(b"colrnclx") + 10
    linear = usual[:at] + (8).to_bytes(2, "big") + usual[at + 2 :]

    views = decode_image(linear, ImageLimits(), 320).views

    assert len(decode_image(usual, ImageLimits(), 320).views) == 1
    assert len(views) == 2
    assert views[0].pixels.mean() > views[1].pixels.mean() + 30


@pytest.mark.parametrize("transfer", range(256))
def test_every_table_of_levels_rises(transfer: int) -> None:
    table = level_table(transfer)

    assert table is None or (len(table) == 256 and list(table) == sorted(table) and table[-1] > 200)


def test_a_profile_that_is_too_large_to_be_read_is_an_error() -> None:
    data = encode(photo("cat"), "JPEG", icc_profile=linear().ljust(3 * 1024**2, b"\x00"))

    with pytest.raises(UndecodableImageError, match="profile"):
        pixels(data)


def test_a_grey_picture_with_a_colour_profile_is_decoded() -> None:
    data = encode(Image.new("L", (40, 40), 90), "PNG", icc_profile=linear())

    assert pixels(data).shape == (40, 40, 3)
