from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from pictures import encode, photo, photographs, small, with_thumbnail
from worksafe.images.decode import decode_image
from worksafe.images.likeness import shows_something_else
from worksafe.images.limits import ImageLimits

Preview = Callable[[Image.Image], Image.Image]


def with_bars(picture: Image.Image) -> Image.Image:
    return ImageOps.pad(picture, (160, 120))


def middle(picture: Image.Image) -> Image.Image:
    return ImageOps.fit(picture, (160, 120))


def sharpened(picture: Image.Image) -> Image.Image:
    return small(picture).filter(ImageFilter.UnsharpMask(1, 100, 0))


def seen(picture: Image.Image, preview: Image.Image) -> bool:
    """Whether a preview is found to be looked at, as what it is."""
    data = with_thumbnail(picture, encode(preview, "JPEG", quality=70))
    decoded = decode_image(data, ImageLimits(), 320)
    assert decoded.odd_thumbnail == (len(decoded.views) == 2)
    return decoded.odd_thumbnail


@pytest.mark.parametrize("name", photographs())
@pytest.mark.parametrize("preview", [small, with_bars, middle, sharpened])
def test_a_preview_as_cameras_make_it_is_the_same_picture(name: str, preview: Preview) -> None:
    assert not seen(photo(name), preview(photo(name)))


@pytest.mark.parametrize("name", photographs())
@pytest.mark.parametrize("preview", [small, with_bars])
@pytest.mark.parametrize("colour", ["black", "white"])
def test_a_preview_that_shows_what_is_covered_in_its_picture_is_looked_at(
    name: str, preview: Preview, colour: str
) -> None:
    picture = photo(name)
    covered = picture.copy()
    grey = np.asarray(picture.convert("L").resize((16, 16), Image.Resampling.BOX)).astype(int)
    far = np.abs(grey - (0 if colour == "black" else 255))[2:-2, 2:-2]
    row, column = np.unravel_index(far.argmax(), far.shape)  # where the cover is another colour
    x, y = (column + 2) * picture.width // 16, (row + 2) * picture.height // 16
    across, down = picture.width // 8, picture.height // 8
    covered.paste(colour, (x - across, y - down, x + across, y + down))

    assert seen(covered, preview(picture))


@pytest.mark.parametrize("name", photographs())
def test_a_preview_that_shows_what_was_cut_off_is_looked_at(name: str) -> None:
    picture = photo(name)
    width, height = picture.size

    assert seen(picture.crop((0, 0, width * 3 // 4, height * 3 // 4)), small(picture))


def test_what_stands_in_bars_is_looked_at() -> None:
    wide = photo("cat").resize((400, 200))
    preview = with_bars(wide)
    assert not seen(wide, preview)

    preview.paste(photo("china").resize((160, 20)), (0, 0))

    assert seen(wide, preview)


def test_a_faint_picture_in_bars_is_looked_at() -> None:
    wide = photo("cat").resize((400, 160))
    preview = with_bars(wide)
    assert not seen(wide, preview)

    faint = photo("china").convert("L").resize((160, 56)).point(lambda level: level // 6)
    preview.paste(faint.crop((0, 0, 160, 28)), (0, 0))
    preview.paste(faint.crop((0, 28, 160, 56)), (0, 92))

    assert seen(wide, preview)


def test_how_far_a_preview_must_differ_to_show_something_else() -> None:
    shown, near, far = (np.full((64, 64, 3), level, dtype=np.uint8) for level in (100, 125, 150))

    assert shows_something_else(shown, far)
    assert not shows_something_else(shown, near)
