from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageOps

from pictures import encode, photo, photographs
from worksafe.images.collage import find_pictures
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.images.resize import RgbImage

PLACES: dict[str, list[tuple[float, ...]]] = {
    "two beside each other": [(0, 0, 1 / 2, 1), (1 / 2, 0, 1, 1)],
    "two one below the other": [(0, 0, 1, 1 / 2), (0, 1 / 2, 1, 1)],
    "four": [(x / 2, y / 2, (x + 1) / 2, (y + 1) / 2) for y in (0, 1) for x in (0, 1)],
    "six": [(x / 3, y / 2, (x + 1) / 3, (y + 1) / 2) for y in (0, 1) for x in (0, 1, 2)],
    "a large one and two": [(0, 0, 2 / 3, 1), (2 / 3, 0, 1, 1 / 2), (2 / 3, 1 / 2, 1, 1)],
}
NAMES = ("astronaut", "flower", "rocket", "coffee", "cat", "china")


def joined(
    places: Sequence[tuple[float, ...]], side_px: int, border_px: int, colour: str
) -> Image.Image:
    whole = Image.new("RGB", (side_px, side_px), colour)
    for name, (left, top, right, bottom) in zip(NAMES, places, strict=False):
        x, y = round(left * side_px), round(top * side_px)
        size = round(right * side_px) - x - border_px, round(bottom * side_px) - y - border_px
        whole.paste(ImageOps.fit(photo(name), size), (x, y))
    return whole


def sized(pixels: RgbImage, side_px: int) -> RgbImage:
    return np.asarray(ImageOps.contain(Image.fromarray(pixels), (side_px, side_px)))


BORDERS = [(0, "white"), (6, "white"), (12, "grey")]


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("side_px", [400, 640, 1000])
def test_most_pictures_that_were_joined_are_found_where_they_are(
    places: Sequence[tuple[float, ...]], side_px: int
) -> None:
    told_apart = exact = 0
    for border_px, colour in BORDERS:
        data = encode(joined(places, side_px, border_px, colour), quality=85)
        pixels = decode_image(data, ImageLimits(), 320).picture
        side = len(pixels)
        found = [
            np.array([columns.start, rows.start, columns.stop, rows.stop])
            for rows, columns in find_pictures(pixels)
        ]
        told_apart += bool(found)
        room = 4 + border_px * side / side_px
        exact += sum(
            any(np.abs(one - np.array(wanted) * side).max() <= room for one in found)
            for wanted in places
        )

    assert told_apart >= len(BORDERS) - 1
    assert exact >= len(BORDERS) * len(places) / 2


@pytest.mark.parametrize("side_px", [330, 480, 640, 1000])
@pytest.mark.parametrize("name", NAMES)
def test_a_photograph_is_one_picture(name: str, side_px: int) -> None:
    assert find_pictures(sized(photographs()[name], side_px)) == []


@pytest.mark.parametrize("border", ["white", "black", "grey"])
def test_a_picture_in_a_frame_is_one_picture(border: str) -> None:
    framed = ImageOps.expand(photo("coffee"), 40, border)

    assert find_pictures(np.asarray(framed)) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (31, 640), (640, 33), (7, 7)])
def test_any_shape_is_looked_at(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)

    assert find_pictures(noise) == []


def test_there_are_never_more_than_five_in_a_row() -> None:
    tiles = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    busy = tiles.repeat(32, axis=0).repeat(32, axis=1)

    assert len(find_pictures(busy)) <= 25


def test_windows_are_within_the_picture_and_apart() -> None:
    pixels = np.asarray(joined(PLACES["six"], 600, 6, "white"))
    seen = np.zeros(pixels.shape[:2], dtype=int)

    for window in find_pictures(pixels):
        seen[window] += 1

    assert seen.max() == 1
    assert seen.mean() > 0.9
