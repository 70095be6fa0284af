import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL.Image import Exif

from colour_profiles import SRGB
from fakes import brightness_detector, colour_detector
from films import quiet_film_with
from pictures import Rgb, encode, photo, with_thumbnail
from worksafe import Moderator, Redaction, Settings
from worksafe.errors import (
    ImageSideError,
    NotAnImageError,
    NotRedactableError,
    RedactionFailedError,
    UndecodableImageError,
)
from worksafe.evaluation.datasets import read_manifest
from worksafe.images.formats import sniff_format
from worksafe.policy.document import Policy
from worksafe.results import Action

RED, BLUE = (255, 0, 0), (0, 0, 255)
GUN, BLOOD = "violence.firearm", "violence.blood"
POLICY = Policy.model_validate({"name": "default", "rules": {"violence": {"block": 0.5}}})


@pytest.fixture(scope="module")
def moderator() -> Iterator[Moderator]:
    """Red things are guns, and have regions; blue things are blood, and have a map."""
    found = [colour_detector(GUN, RED), colour_detector(BLOOD, BLUE, maps=True)]
    made = Moderator(Settings(), detectors=found, policies={"default": POLICY})
    yield made
    made.close()


def with_square(colour: tuple[int, int, int], at: tuple[int, int] = (64, 128)) -> Image.Image:
    """A photograph, 256 x 256, with a square of 32 pixels at a column and a row."""
    image = photo("coffee").convert("L").convert("RGB").resize((256, 256))
    image.paste(colour, (*at, at[0] + 32, at[1] + 32))
    return image


def pixels_of(data: bytes) -> Rgb:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def changed(before: Image.Image, data: bytes) -> tuple[int, int, int, int]:
    """The box around all pixels that changed: left, top, right, bottom."""
    differs = (np.asarray(before) != pixels_of(data)).any(axis=2)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@pytest.mark.parametrize("colour", [RED, BLUE])
def test_of_a_long_picture_only_the_area_changes(
    moderator: Moderator, colour: tuple[int, int, int]
) -> None:
    image = photo("coffee").convert("L").convert("RGB").resize((100, 1500))
    image.paste(colour, (40, 1000, 60, 1020))

    done = moderator.redact(encode(image, "PNG"))

    assert (done.before.action, done.after.action) == (Action.BLOCK, Action.ALLOW)
    left, top, right, bottom = changed(image, done.data)
    assert left <= 40
    assert right >= 60
    assert 900 < top <= 1000
    assert 1020 <= bottom < 1120


@pytest.mark.parametrize("colour", [RED, BLUE])
@pytest.mark.parametrize("method", ["blur", "pixelate", "box"])
def test_only_the_area_changes_and_what_comes_out_passes(
    moderator: Moderator, colour: tuple[int, int, int], method: str
) -> None:
    image = with_square(colour)

    done = moderator.redact(encode(image, "PNG"), Redaction(method=method))  # type: ignore[arg-type]

    assert (done.before.action, done.after.action) == (Action.BLOCK, Action.ALLOW)
    assert moderator.check(done.data).decision is Action.ALLOW
    left, top, right, bottom = changed(image, done.data)
    assert left <= 64
    assert right >= 96
    assert top <= 128
    assert bottom >= 160
    assert (right - left) * (bottom - top) < 0.15 * 256 * 256
    assert done.areas[0].label == (GUN if colour == RED else BLOOD)


def test_nothing_is_covered_where_the_policy_allows_all(moderator: Moderator) -> None:
    image = photo("coffee").convert("L").convert("RGB")

    done = moderator.redact(encode(image, "PNG"))

    assert done.areas == ()
    np.testing.assert_array_equal(pixels_of(done.data), np.asarray(image))


def test_labels_that_were_asked_for_are_covered_though_the_policy_allows_them() -> None:
    policies = {"default": Policy.model_validate({"name": "default", "rules": {}})}
    made = Moderator(Settings(), detectors=[colour_detector(GUN, RED)], policies=policies)
    image = with_square(RED)

    done = made.redact(encode(image, "PNG"), Redaction((GUN,), "box"))

    assert done.before.action is Action.ALLOW
    assert pixels_of(done.data)[144, 80].tolist() == [0, 0, 0]
    made.close()


def test_labels_that_were_asked_for_are_looked_for_again() -> None:
    """A map's hottest places are covered first; what is less hot may still be seen."""
    policies = {"default": Policy.model_validate({"name": "default", "rules": {}})}
    detectors = [colour_detector(BLOOD, BLUE, maps=True)]
    made = Moderator(Settings(), detectors=detectors, policies=policies)
    image = with_square(BLUE)
    for place in range(8):  # a quarter of a place each
        image.paste(BLUE, (32 * place + 4, 4, 32 * place + 12, 12))

    done = made.redact(encode(image, "PNG"), Redaction((BLOOD,), "box"))

    assert pixels_of(done.data)[144, 80].tolist() == [0, 0, 0]
    assert made.check(done.data).scores.labels[BLOOD] < 0.25  # type: ignore[union-attr]
    made.close()


def test_labels_that_were_asked_for_and_are_not_there_cover_nothing(moderator: Moderator) -> None:
    image = photo("coffee").convert("L").convert("RGB")

    done = moderator.redact(encode(image, "PNG"), Redaction((GUN, BLOOD)))

    assert done.areas == ()
    np.testing.assert_array_equal(pixels_of(done.data), np.asarray(image))


def test_a_label_that_nothing_reports_is_refused(moderator: Moderator) -> None:
    with pytest.raises(ValueError, match=r"violence\.firearms"):
        moderator.redact("no/such/file.jpg", Redaction(("violence.firearms",)))  # before it is read


def test_all_that_a_rule_minds_is_covered_at_once(moderator: Moderator) -> None:
    image = with_square(RED)
    image.paste(BLUE, (160, 32, 224, 96))

    done = moderator.redact(encode(image, "PNG"), Redaction(method="box"))

    assert [area.label for area in done.areas] == [GUN, BLOOD]
    assert sum(area.share for area in done.areas) < 0.3


def test_an_odd_preview_says_nothing_of_places_in_the_picture(moderator: Moderator) -> None:
    clean = photo("coffee").convert("L").convert("RGB").resize((256, 256))
    data = with_thumbnail(clean, encode(Image.new("RGB", (160, 160), RED)))

    checked = moderator.check(data)
    done = moderator.redact(data)

    assert checked.decision is Action.BLOCK
    assert checked.scores is not None
    assert checked.scores.regions == ()
    assert (done.before.action, done.areas) == (Action.BLOCK, ())


def test_of_a_file_with_further_pictures_the_first_is_redacted(moderator: Moderator) -> None:
    clean = photo("coffee").convert("L").convert("RGB").resize((256, 256))
    data = encode(clean, "MPO", save_all=True, append_images=[with_square(RED)])

    done = moderator.redact(data)

    assert (done.before.action, done.areas, done.format) == (Action.BLOCK, (), "jpeg")
    assert pixels_of(done.data).shape == (256, 256, 3)


def test_a_file_that_grows_beyond_the_limit_is_redacted_all_the_same() -> None:
    found = [colour_detector(GUN, RED)]
    data = encode(with_square(RED).convert("P"), "BMP")
    settings = Settings(max_image_bytes=len(data))
    made = Moderator(settings, detectors=found, policies={"default": POLICY})

    done = made.redact(data)

    assert done.after.action is Action.ALLOW
    assert len(done.data) > len(data)
    made.close()


def test_where_an_area_is_not_enough_all_of_the_picture_goes() -> None:
    made = Moderator(
        Settings(), detectors=[brightness_detector(BLOOD)], policies={"default": POLICY}
    )
    white = Image.new("RGB", (80, 60), "white")  # a blur of white is white

    done = made.redact(encode(white, "PNG"))

    assert done.areas[-1].share == 1
    assert not pixels_of(done.data).any()
    made.close()


def test_what_no_cover_makes_pass_is_an_error_and_no_picture() -> None:
    policy = Policy.model_validate({"name": "default", "rules": {"violence": {"block": 0.0}}})
    made = Moderator(Settings(), detectors=[brightness_detector()], policies={"default": policy})

    with pytest.raises(RedactionFailedError):
        made.redact(encode(photo("coffee")))
    made.close()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright_and_without_metadata(
    moderator: Moderator, orientation: int
) -> None:
    exif = Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "SECRET CAMERA"
    exif.get_ifd(0x8825)[2] = (52.0, 30.0, 0.0)  # GPS latitude
    image = with_square(RED)
    stored = encode(
        image,
        "JPEG",
        exif=exif,
        quality=95,
        icc_profile=SRGB,
        xmp=b"<x:xmpmeta>SECRET</x:xmpmeta>",
        comment=b"SECRET COMMENT",
    )
    shown = Image.open(io.BytesIO(stored))
    upright = np.asarray(ImageOps.exif_transpose(shown).convert("RGB"), dtype=int)

    done = moderator.redact(stored, Redaction(method="box"))

    result = Image.open(io.BytesIO(done.data))
    assert b"SECRET" not in done.data
    assert not result.getexif()
    assert not result.info.keys() & {"exif", "xmp", "icc_profile", "comment"}
    assert result.size == upright.shape[1::-1]
    differs = np.abs(np.asarray(result, dtype=int) - upright).max(axis=2) > 40
    assert sum(area.share for area in done.areas) < 0.1
    assert 0.01 < differs.mean() < 0.1  # the square, turned as the picture was


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_the_format_stays(moderator: Moderator, image_format: str) -> None:
    data = encode(with_square(RED), image_format)

    done = moderator.redact(data)

    assert sniff_format(done.data) == sniff_format(data)
    assert done.format == sniff_format(data).name


def test_heic_becomes_jpeg_and_an_array_png(moderator: Moderator) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    pillow_heif.from_pillow(with_square(RED)).save(file, format="HEIF")

    assert moderator.redact(file.getvalue()).format == "jpeg"
    assert moderator.redact(np.asarray(with_square(RED))).format == "png"


def test_a_transparent_picture_comes_out_as_it_lies_on_white(moderator: Moderator) -> None:
    image = with_square(RED).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 32, 256))

    done = moderator.redact(encode(image, "PNG"))

    assert pixels_of(done.data)[200, 10].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (
            lambda: encode(photo(), "GIF", save_all=True, append_images=[photo("cat")]),
            NotRedactableError,
        ),
        (lambda: b"no picture at all", NotAnImageError),
    ],
)
def test_what_is_no_still_picture_is_refused(
    moderator: Moderator, make: Callable[[], bytes], error: type[Exception]
) -> None:
    with pytest.raises(error):
        moderator.redact(make())


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_a_pil_image_that_cannot_be_redacted_is_refused_as_its_file_is(
    moderator: Moderator,
) -> None:
    moving = encode(photo(), "GIF", save_all=True, append_images=[photo("cat")])
    cut_off = encode(photo(), "JPEG")[:5_000]
    huge = Image.new("1", (20_000, 20_000))

    with pytest.raises(NotRedactableError):
        moderator.redact(opened(moving))
    with pytest.raises(UndecodableImageError):
        moderator.redact(opened(cut_off))
    with pytest.raises(ImageSideError):
        moderator.redact(huge)


def test_of_a_picture_of_16_bits_browsers_show_the_same_before_and_after(
    moderator: Moderator,
) -> None:
    dark = np.linspace(15_000, 25_000, 64 * 64).reshape(64, 64).astype(np.uint16)

    done = moderator.redact(encode(Image.fromarray(dark), "PNG"))

    assert done.areas == ()
    assert np.abs(pixels_of(done.data)[..., 0].astype(int) - dark // 256).max() <= 1


def test_a_film_is_refused(moderator: Moderator) -> None:
    with pytest.raises(NotRedactableError):
        moderator.redact(quiet_film_with({}, frames=3))


def test_shipped_detectors_let_pass_what_was_redacted(labelled_pictures: Path) -> None:
    shown = [
        example
        for example in read_manifest(labelled_pictures)
        if example.split == "val" and example.label in {GUN, "violence.fighting", "drugs.cannabis"}
    ][::25]
    made = Moderator(Settings(cache_entries=0))
    assert shown
    for example in shown:
        done = made.redact(example.path)
        assert made.check(done.data).decision is Action.ALLOW
    made.close()


def test_of_people_in_photographs_only_the_covered_parts_change(labelled_pictures: Path) -> None:
    label = "nudity.suggestive"
    made = Moderator(Settings(cache_entries=0))
    seen = 0
    for example in read_manifest(labelled_pictures):
        if example.split != "val" or example.kind not in {"portrait", "people", "sport"}:
            continue
        scores = made.check(example.path).scores
        if scores is None or label not in {region.label for region in scores.regions}:
            continue
        with Image.open(example.path) as image:
            before = np.asarray(image.convert("RGB"))

        done = made.redact(before, Redaction((label,), "box"))

        may_change = np.zeros(before.shape[:2], dtype=bool)
        for area in done.areas:
            may_change[area.pixels(before.shape[1], before.shape[0])] = True
        assert 0 < may_change.mean() < 1
        np.testing.assert_array_equal(pixels_of(done.data)[~may_change], before[~may_change])
        assert not pixels_of(done.data)[may_change].any()
        seen += 1
        if seen == 3:
            break
    assert seen
    made.close()


@pytest.mark.parametrize("wrong", [{"method": "bar"}, {"labels": "nudity.explicit"}])
def test_a_wrong_wish_is_refused_before_anything_is_covered(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Redaction(**wrong)  # type: ignore[arg-type]


def test_what_asks_for_a_review_is_covered_until_it_asks_for_nothing() -> None:
    policy = Policy.model_validate({"name": "default", "rules": {"violence": {"review": 0.5}}})
    made = Moderator(detectors=[brightness_detector()], policies={"default": policy})

    done = made.redact(encode(Image.new("RGB", (80, 60), "white"), "PNG"))

    assert (done.before.action, done.after.action) == (Action.REVIEW, Action.ALLOW)
    assert made.check(done.data).decision is Action.ALLOW


@pytest.mark.parametrize("rule", ["drugs.tobacco", "drugs"])
def test_what_no_rule_is_reached_by_is_left_uncovered(rule: str) -> None:
    """A label that is only reported asks for nothing by its category's rule."""
    policy = Policy.model_validate({"name": "default", "rules": {rule: {"block": 0.5}}})
    red, blue = (255, 0, 0), (0, 0, 255)
    detectors = [colour_detector("drugs.cannabis", red), colour_detector("drugs.tobacco", blue)]
    made = Moderator(detectors=detectors, policies={"default": policy})
    picture = photo("coffee").convert("L").convert("RGB").resize((256, 256))
    picture.paste(red, (64, 128, 96, 160))
    picture.paste(blue, (160, 32, 192, 64))

    done = made.redact(encode(picture, "PNG"), Redaction(method="box"))

    expected = {"drugs": {"drugs.cannabis"}, "drugs.tobacco": {"drugs.tobacco"}}
    assert {area.label for area in done.areas} == expected[rule]


def test_a_file_of_the_callers_is_read_on_the_callers_thread(moderator: Moderator) -> None:
    readers: set[int] = set()

    class Noting(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            readers.add(threading.get_ident())
            return super().read(size)

    done = moderator.redact(Noting(encode(with_square(RED), "PNG")))

    assert done.before.action is Action.BLOCK
    assert readers == {threading.get_ident()}
