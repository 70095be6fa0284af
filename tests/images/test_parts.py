import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictures import encode, photo
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.images.parts import cut_into_parts
from worksafe.images.resize import RgbImage

SEEN_PX = 20  # so that the pictures can be small


def numbered(width: int, height: int) -> RgbImage:
    """A picture of which every pixel says by red and green where it lies along the longer side."""
    along = np.arange(max(width, height), dtype=np.uint16)
    line = np.stack([along // 256, along % 256, along * 0], axis=1).astype(np.uint8)
    line = line[:, None] if height > width else line[None]
    return np.broadcast_to(line, (height, width, 3))


def whereabouts(pixels: RgbImage) -> set[int]:
    flat = pixels.reshape(-1, 3).astype(int)
    return set((flat[:, 0] * 256 + flat[:, 1]).tolist())


@given(st.integers(32, 60), st.integers(2501, 40_000), st.booleans())
def test_parts_are_all_of_a_long_picture_and_each_overlaps_the_next(
    short: int, thousandths: int, is_tall: bool
) -> None:
    length = short * thousandths // 1000 + 1
    picture = numbered(*((short, length) if is_tall else (length, short)))

    parts = cut_into_parts(picture, SEEN_PX)

    assert 2 <= len(parts) <= 16
    assert set.union(*(whereabouts(part.pixels) for part in parts)) == set(range(length))
    for part, after in itertools.pairwise(parts):
        both = whereabouts(part.pixels) & whereabouts(after.pixels)
        assert len(both) >= short // 3 - 1
    if length <= 11 * short:
        assert all(part.pixels.shape[:2] == (short, short) for part in parts)


@given(st.integers(90, 600), st.booleans())
def test_a_part_knows_where_it_lies(length: int, is_tall: bool) -> None:
    picture = numbered(*((32, length) if is_tall else (length, 32)))

    for part in cut_into_parts(picture, SEEN_PX):
        x, y, width, height = part.box
        rows = slice(round(y * picture.shape[0]), round((y + height) * picture.shape[0]))
        columns = slice(round(x * picture.shape[1]), round((x + width) * picture.shape[1]))
        assert (picture[rows, columns] == part.pixels).all()


@pytest.mark.parametrize(
    ("width", "height"),
    [(4000, 3000), (1920, 1080), (1080, 2400), (2340, 1080), (1080, 2700), (16384, 31), (1, 9000)],
)
def test_pictures_of_ordinary_shapes_and_lines_have_no_parts(width: int, height: int) -> None:
    assert cut_into_parts(np.zeros((height, width, 3), dtype=np.uint8), 320) == []


def test_a_long_picture_that_is_seen_at_half_of_its_size_has_no_parts() -> None:
    assert cut_into_parts(np.zeros((640, 100, 3), dtype=np.uint8), 320) == []
    assert cut_into_parts(np.zeros((641, 100, 3), dtype=np.uint8), 320) != []


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("size", [(700, 4550), (4550, 700)])
def test_decoding_keeps_of_a_long_picture_what_its_parts_need(
    image_format: str, size: tuple[int, int]
) -> None:
    data = encode(photo("coffee").resize(size), image_format)

    decoded = decode_image(data, ImageLimits(), 160)

    assert 160 <= min(decoded.picture.shape[:2]) <= 640
    assert all(min(part.pixels.shape[:2]) >= 160 for part in cut_into_parts(decoded.picture, 160))
