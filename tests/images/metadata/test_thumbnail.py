import numpy as np
import pytest
from PIL import Image

from fakes import colour_detector
from pictures import encode, photo, small, with_thumbnail
from worksafe import Moderator, Settings
from worksafe.errors import UndecodableImageError
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits

RED = (255, 0, 0)


@pytest.mark.parametrize("cut", [2, 40, 2000])
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_a_preview_that_is_cut_off_is_looked_at_as_far_as_it_goes(
    cut: int, image_format: str
) -> None:
    preview = encode(small(photo("rocket")), "JPEG", quality=85)[:-cut]

    decoded = decode_image(with_thumbnail(photo("cat"), preview, image_format), ImageLimits(), 320)

    assert decoded.odd_thumbnail


def test_what_a_preview_shows_counts() -> None:
    grey = photo("coffee").convert("L").convert("RGB")
    shown = grey.copy()
    shown.paste(RED, (100, 100, 250, 250))
    covered = grey.copy()
    covered.paste((90, 90, 90), (100, 100, 250, 250))
    detectors = [colour_detector("violence.firearm", RED)]
    with Moderator(Settings(), detectors=detectors) as moderator:
        safe = moderator.check(encode(covered))
        told = moderator.check(with_thumbnail(covered, encode(small(shown))))

    assert safe.decision == "allow"
    assert told.decision == "block"
    assert told.scores is not None
    assert not told.scores.regions


def test_a_large_preview_in_a_png_is_seen_too() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (640, 640, 3), dtype=np.uint8)
    preview = encode(Image.fromarray(noise), "JPEG", quality=95)
    data = with_thumbnail(Image.new("RGB", (640, 640), "white"), preview, "PNG")

    assert len(preview) > 300_000  # more than EXIF of a JPEG can hold
    assert decode_image(data, ImageLimits(), 320).odd_thumbnail


@pytest.mark.parametrize("image_format", ["PNG", "WEBP"])
def test_a_preview_that_others_may_decode_is_not_passed_over(image_format: str) -> None:
    whole = encode(small(photo("rocket")), "JPEG", quality=85)
    precise = whole.replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c")  # of 12 bits
    assert precise != whole

    with pytest.raises(UndecodableImageError, match="preview"):
        decode_image(with_thumbnail(photo("cat"), precise, image_format), ImageLimits(), 320)


@pytest.mark.parametrize("side_px", [2_200, 15_000])  # of which Pillow itself refuses the second
def test_a_preview_is_not_to_be_larger_than_any_picture(side_px: int) -> None:
    preview = encode(Image.new("L", (side_px, side_px)), "JPEG", progressive=True)

    with pytest.raises(UndecodableImageError, match="preview"):
        decode_image(with_thumbnail(photo("cat"), preview, "PNG"), ImageLimits(), 320)


@pytest.mark.parametrize("what", [b"", b"\xff\xd8", b"II*\x00 no preview at all", bytes(4000)])
def test_what_is_no_preview_does_not_count(what: bytes) -> None:
    decoded = decode_image(with_thumbnail(photo("cat"), what, "PNG"), ImageLimits(), 320)

    assert not decoded.odd_thumbnail
