import base64
import io
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from flask.testing import FlaskClient
from numpy.typing import NDArray
from PIL import Image

from fakes import colour_detector
from pictures import encode, photo
from worksafe import Moderator, Settings
from worksafe.api.app import create_app
from worksafe.explain.overlay import draw_overlay, frames_of
from worksafe.images.pictures import View
from worksafe.images.resize import RgbImage
from worksafe.policy.document import Policy
from worksafe.results import Action, Moderation, Reason

POLICY = Policy.model_validate(
    {"name": "default", "rules": {"violence": {"block": 0.5}, "violence.blood": {"review": 0.1}}}
)


@pytest.fixture(scope="module")
def moderator() -> Iterator[Moderator]:
    """Blue things are blood, and have a map; red things are guns, and have regions."""
    made = Moderator(
        Settings(),
        detectors=[
            colour_detector("violence.blood", (0, 0, 255), maps=True),
            colour_detector("violence.firearm", (255, 0, 0)),
        ],
        policies={"default": POLICY},
    )
    yield made
    made.close()


def blue_right(size: tuple[int, int] = (300, 200)) -> Image.Image:
    image = photo("coffee").convert("L").convert("RGB").resize(size)
    image.paste((0, 0, 255), (size[0] * 3 // 4, 0, size[0], size[1] // 4))
    return image


def test_a_heat_map_comes_as_a_picture_of_the_images_shape(moderator: Moderator) -> None:
    client: FlaskClient = create_app(moderator).test_client()

    response = client.post(
        "/v1/check?include=heatmap", data=encode(blue_right()), content_type="image/jpeg"
    )

    (result,) = response.get_json()["results"]
    (heat,) = result["heatmaps"]
    assert heat["label"] == "violence.blood"
    head, _, text = heat["data_url"].partition(",")
    assert head == "data:image/png;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(text)))
    assert picture.size == (256, 171)
    opacity = np.asarray(picture)[..., 3]
    assert opacity[20, 230] > 100  # upper right
    assert not opacity[120:, :128].any()
    assert "heatmaps" in client.get("/openapi.json").text


def test_heat_maps_come_only_where_asked_for(moderator: Moderator) -> None:
    client = create_app(moderator).test_client()

    response = client.post("/v1/check", data=encode(blue_right()), content_type="image/jpeg")

    assert response.get_json()["results"][0]["heatmaps"] is None


def test_every_reason_is_a_sentence(moderator: Moderator) -> None:
    result = moderator.check(encode(blue_right(), "PNG"))

    assert [reason.sentence for reason in result.reasons] == [
        "violence.blood scores 1.00; the policy blocks from 0.5.",
        "violence.blood scores 1.00; the policy asks for a review from 0.1.",
    ]


def test_an_overlay_marks_the_frame_that_was_the_reason(moderator: Moderator) -> None:
    plain = photo("cat").convert("L").convert("RGB").resize((300, 200))
    gun = plain.copy()
    gun.paste((255, 0, 0), (100, 50, 200, 150))
    film = encode(plain, "GIF", save_all=True, append_images=[gun, plain], duration=100)
    result = moderator.check(film, look=moderator.look(maps=True))
    asked: set[int] = set()

    def frames(wanted: set[int]) -> dict[int, list[RgbImage]]:
        asked.update(wanted)
        with moderator.open(film, 640) as pictures:
            return frames_of(pictures.views, wanted)

    overlay = draw_overlay(result, frames)

    assert asked == {result.reasons[0].frame}
    assert asked != {0}
    reds = np.asarray(overlay, dtype=int)
    assert ((reds[..., 0] > 200) & (reds[..., 1] < 90)).sum() > 1000  # the gun itself is shown


def test_a_frame_that_stands_beside_another_is_drawn_once() -> None:
    first, second, third = (np.full((4, 4, 3), level, np.uint8) for level in (10, 20, 30))
    beside = View(5, second), View(6, third)
    views = [View(4, first, around=beside), View(5, second), View(9, first)]

    found = frames_of(views, {4, 5, 6})

    assert {frame: len(shown) for frame, shown in found.items()} == {4: 1, 5: 1, 6: 1}
    assert found[6][0] is third


def test_what_only_other_viewers_show_is_drawn_beside_the_picture(moderator: Moderator) -> None:
    hidden = blue_right().convert("RGBA")
    hidden.putalpha(0)
    data = encode(hidden, "PNG")
    result = moderator.check(data, look=moderator.look(maps=True))

    def frames(wanted: set[int]) -> dict[int, list[RgbImage]]:
        with moderator.open(data, 640) as pictures:
            return frames_of(pictures.views, wanted)

    drawn = np.asarray(draw_overlay(result, frames), dtype=int)

    assert result.decision == "block"
    blue = (drawn[..., 2] > 150) & (drawn[..., :2].max(axis=2) < 120)
    assert blue.sum() > 500


def test_reasons_that_mark_nothing_share_a_picture_and_a_long_one_can_be_seen(
    moderator: Moderator,
) -> None:
    reasons = tuple(
        Reason(name, "violence", name, 0.1, 0.0, Action.REVIEW)
        for name in ("violence.blade", "violence.unrest")
    )
    result = moderator.check(encode(blue_right()), look=moderator.look(maps=True))
    marked, blank = replace(result, reasons=(result.reasons[0],)), replace(result, reasons=reasons)
    both = replace(result, reasons=(result.reasons[0], *reasons))

    def size(one: Moderation, *shape: int) -> tuple[int, int]:
        pixels = np.zeros((*shape, 3), np.uint8)
        return draw_overlay(one, lambda wanted: {frame: [pixels] for frame in wanted}).size

    assert size(marked, 200, 300)[0] == size(blank, 200, 300)[0] == 640 + 32
    assert size(both, 200, 300)[0] == 2 * 640 + 16 + 32
    assert size(blank, 2560, 512)[1] > 5 * 256


@pytest.mark.parametrize("size", [(1, 1), (2000, 3), (3, 2000)])
def test_odd_shapes_are_drawn_too(moderator: Moderator, size: tuple[int, int]) -> None:
    blue = Image.new("RGB", size, (0, 0, 255))
    data = encode(blue, "PNG")
    result = moderator.check(data, look=moderator.look(maps=True))

    overlay = draw_overlay(result, lambda _: {0: [np.asarray(blue)]})

    assert overlay.width >= 320 + 32
    assert result.reasons


def head_of(moderator: Moderator, name: str) -> NDArray[np.uint8]:
    """The two lines above the picture, of an image of that name."""
    plain = np.full((64, 64, 3), 128, np.uint8)
    result = replace(moderator.check(plain), id=name)
    return np.asarray(draw_overlay(result, lambda _: {0: [plain]}))[:80]


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("Müller é.jpg", r"M\xfcller \xe9.jpg"),
        ("a\nb\x1b[2J.jpg", r"a\nb\x1b[2J.jpg"),
        ("一.jpg", r"\u4e00.jpg"),
    ],
)
def test_what_the_font_lacks_is_drawn_as_an_escape(
    moderator: Moderator, name: str, escaped: str
) -> None:
    assert (head_of(moderator, name) == head_of(moderator, escaped)).all()


@pytest.mark.parametrize("character", ["i", "W"])
def test_a_long_name_is_cut_inside_the_picture(moderator: Moderator, character: str) -> None:
    head = head_of(moderator, "/start/" + character * 3000 + "/end.jpg")
    other = head_of(moderator, "/start/" + character * 3000 + "/another.jpg")

    assert (head[:, -16:] == 255).all()  # the margin
    assert (head[40:, -40:-16] < 255).any()  # and nearly all of what is beside it
    assert (head != other).any()


def test_a_name_that_has_room_is_not_cut(moderator: Moderator) -> None:
    assert (head_of(moderator, "a" * 20 + "b") != head_of(moderator, "a" * 20 + "c")).any()
