from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageOps

from fakes import colour_detector
from pictures import encode, photo
from worksafe import Moderator
from worksafe.choices import Thorough
from worksafe.engine.combining import combine
from worksafe.engine.detector import Look
from worksafe.engine.idle import IdlePlaces
from worksafe.engine.scoring import score_image
from worksafe.images.heat import spread
from worksafe.images.parts import cut_into_parts
from worksafe.images.pictures import DecodedImage, View
from worksafe.images.resize import RgbImage
from worksafe.results import Region, Scores

RED = (255, 0, 0)
GUN = "violence.firearm"
MAPS = Look("never", maps=True)
BOTH_WAYS = pytest.mark.parametrize("is_tall", [True, False])


def along(is_tall: bool, length: int, *squares: int) -> RgbImage:
    """A grey picture, 120 px wide or high, with red squares of 24 px at places along it."""
    pixels = np.full((length, 120, 3), 128, dtype=np.uint8)
    for at in squares:
        pixels[at : at + 24, 48:72] = RED
    return pixels if is_tall else np.ascontiguousarray(pixels.transpose(1, 0, 2))


def score(pixels: RgbImage, look: Look = MAPS, *, maps: bool = False, **view: bool) -> Scores:
    views = (View(0, pixels, **view),)  # type: ignore[arg-type]
    decoded = DecodedImage("png", pixels.shape[1], pixels.shape[0], 1, views)
    detector = colour_detector(GUN, RED, maps=maps)
    return score_image(decoded, [detector], IdlePlaces(1), look=look).scores


def test_passes_over_one_picture_keep_what_either_found_where() -> None:
    near = Region("nudity.explicit", "FEET", 0.6, (0.1, 0.1, 0.2, 0.2))
    again = Region("nudity.explicit", "FEET", 0.8, (0.11, 0.1, 0.2, 0.2))
    far = Region("nudity.explicit", "FEET", 0.5, (0.7, 0.7, 0.1, 0.1))
    first = Scores({}, {"nudity.explicit": 0.6}, (near, far))
    second = Scores({}, {"nudity.explicit": 0.8}, (again,), {"nudity.explicit": ((1.0,),)})

    both = combine([first, second])

    assert both.labels == {"nudity.explicit": 0.8}
    assert both.regions == (again, far)
    assert both.maps == second.maps


@BOTH_WAYS
@pytest.mark.parametrize("at", [0, 300, 1201, 2376])
def test_what_a_long_picture_shows_scores_as_by_itself_and_is_found_where_it_is(
    is_tall: bool, at: int
) -> None:
    found = score(along(is_tall, 2400, at))

    assert found.labels[GUN] == score(along(is_tall, 120, 48)).labels[GUN] == 1.0
    for region in found.regions:
        x, y, width, height = region.box
        place, size = (y, height) if is_tall else (x, width)
        assert 2400 * place == pytest.approx(at, abs=8)
        assert 2400 * size == pytest.approx(24, abs=16)
    assert found.regions


@BOTH_WAYS
def test_the_maps_of_parts_are_laid_out_over_the_picture(is_tall: bool) -> None:
    found = score(along(is_tall, 2400, 300, 1800), maps=True)

    height, width = (2400, 120) if is_tall else (120, 2400)
    hot = spread(found.maps[GUN], width, height) > 127
    places = np.flatnonzero(hot.any(axis=1 if is_tall else 0))
    assert {int(place) // 100 for place in places} <= {2, 3, 17, 18}
    for at in (300, 1800):
        assert hot[at + 12, 60] if is_tall else hot[60, at + 12]
    across = np.flatnonzero(hot.any(axis=0 if is_tall else 1))
    assert 30 < across.min() < 60 < across.max() < 90


def test_of_a_long_preview_only_scores_are_kept() -> None:
    found = score(along(True, 2400, 1201), is_preview=True)

    assert found.labels[GUN] == 1.0
    assert not found.regions
    assert not score(along(True, 2400, 1201), maps=True, is_preview=True).maps


def test_somebody_who_gives_up_is_asked_on_view_part() -> None:
    asked: list[View] = []
    noise = np.random.default_rng(0).integers(0, 256, (1200, 120, 3), dtype=np.uint8)
    view = View(0, noise)

    score_image(
        DecodedImage("png", 120, 1200, 1, (view,)),
        [colour_detector(GUN, RED)],
        IdlePlaces(1),
        asked.append,
    )

    assert asked == [view] * 16


def test_parts_that_show_the_same_are_looked_at_once() -> None:
    asked: list[View] = []
    white = along(True, 1200, 900)
    black = white.copy()
    black[:100] = 0  # the only part that is transparent
    views = (View(0, white), View(0, black), View(1, white))
    pictures = DecodedImage("png", 120, 1200, 2, views)

    found = score_image(pictures, [colour_detector(GUN, RED)], IdlePlaces(1), asked.append)

    # Of each the whole; of the first a grey part and one that shows something; of the second two.
    assert [sum(one is view for one in asked) for view in views] == [3, 3, 1]
    first, second = (one.scores for one in found.frames)
    assert first.regions == second.regions != ()
    assert first.labels[GUN] == second.labels[GUN] == 1.0


def test_what_only_one_background_shows_is_found() -> None:
    white = along(True, 1200)
    black = along(True, 1200, 900)
    pictures = DecodedImage("png", 120, 1200, 1, (View(0, white), View(0, black)))

    scored = score_image(pictures, [colour_detector(GUN, RED)], IdlePlaces(1))
    assert scored.scores.labels[GUN] == 1.0


@pytest.mark.parametrize("thorough", ["never", "uncertain", "always"])
def test_a_closer_look_makes_no_fewer_parts(thorough: Thorough) -> None:
    asked: list[View] = []
    plain = colour_detector(GUN, RED)
    closer = replace(plain, spec=replace(plain.spec, thorough_side_px=128))
    noise = np.random.default_rng(0).integers(0, 256, (200, 40, 3), dtype=np.uint8)
    pictures = DecodedImage("png", 40, 200, 1, (View(0, noise),))

    score_image(pictures, [closer], IdlePlaces(1), asked.append, Look(thorough))

    assert len(asked) == 1 + 7


def blank(is_tall: bool) -> Image.Image:
    return Image.new("RGB", (400, 1200) if is_tall else (1200, 400), (230, 230, 230))


def at_the_end_of(strip: Image.Image, picture: Image.Image) -> Image.Image:
    strip.paste(picture, (strip.width - picture.width, strip.height - picture.height))
    return strip


@BOTH_WAYS
def test_a_photograph_joined_to_others_scores_as_by_itself(
    moderator: Moderator, is_tall: bool
) -> None:
    coffee = photo("coffee").resize((400, 400))
    joined = at_the_end_of(blank(is_tall), coffee)

    alone, among = (moderator.check(encode(one, "PNG")).scores for one in (coffee, joined))

    assert alone is not None
    assert among is not None
    assert alone.labels["nudity.explicit"] > 0.1
    assert all(among.labels[name] >= score for name, score in alone.labels.items())


def uneven() -> RgbImage:
    """A photograph over two narrower ones, each a third as wide as the one beside it."""
    whole = Image.new("RGB", (800, 600))
    places = {
        "astronaut": (0, 0, 800, 300),
        "flower": (0, 300, 600, 300),
        "cat": (600, 300, 200, 300),
    }
    for name, (x, y, *size) in places.items():
        grey = ImageOps.fit(photo(name), (size[0], size[1])).convert("L")
        whole.paste(grey, (x, y))
    return np.array(whole)


@pytest.mark.parametrize(("x", "y"), [(400, 100), (500, 400), (700, 550)])
def test_what_one_of_joined_pictures_shows_is_found_where_it_is(x: int, y: int) -> None:
    pixels = uneven()
    assert len(cut_into_parts(pixels, 320)) == 3
    pixels[y : y + 24, x : x + 24] = RED

    left, top, width, height = score(pixels).regions[0].box
    assert 800 * (left + width / 2) == pytest.approx(x + 12, abs=8)
    assert 600 * (top + height / 2) == pytest.approx(y + 12, abs=8)
    assert width * height < 0.005
    hot = spread(score(pixels, maps=True).maps[GUN], 800, 600) > 127
    rows, columns = np.nonzero(hot)
    assert hot[y + 12, x + 12]
    assert abs(rows - y).max() < 100
    assert abs(columns - x).max() < 150


def test_a_photograph_in_a_grid_scores_as_by_itself(moderator: Moderator) -> None:
    coffee = photo("coffee").resize((320, 320))
    grid = Image.new("RGB", (640, 640))
    for place, name in enumerate(("astronaut", "flower", "rocket")):
        grid.paste(ImageOps.fit(photo(name), (320, 320)), (place % 2 * 320, place // 2 * 320))
    grid.paste(coffee, (320, 320))

    alone, among = (moderator.check(encode(one, "PNG")).scores for one in (coffee, grid))

    assert alone is not None
    assert among is not None
    assert alone.labels["nudity.explicit"] > 0.05
    for name, value in alone.labels.items():
        assert among.labels[name] >= value - 0.05


@BOTH_WAYS
def test_long_pictures_are_looked_at_in_parts_also_where_they_move(
    moderator: Moderator, is_tall: bool
) -> None:
    joined = at_the_end_of(blank(is_tall), photo("coffee").resize((400, 400)))
    options = {"save_all": True, "append_images": [joined], "lossless": True, "duration": 99}
    data = encode(blank(is_tall), "WEBP", **options)

    result = moderator.check(data)

    assert result.scores is not None
    assert result.scores.labels["nudity.explicit"] > 0.1
    assert [one.frame for one in result.frames] == [0, 1]
    assert result.image == replace(result.image, frames=2, frames_checked=2)  # type: ignore[type-var]
