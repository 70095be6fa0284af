import base64
import io
from collections.abc import Iterator

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from fakes import colour_detector
from pictures import encode, photo
from worksafe import Look, Moderator, Settings
from worksafe.api.app import create_app
from worksafe.explain.overlay import draw_overlay, frames_of
from worksafe.images.resize import RgbImage
from worksafe.policy.document import Policy

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
    result = moderator.check(film, look=Look(maps=True))
    asked: set[int] = set()

    def frames(wanted: set[int]) -> dict[int, RgbImage]:
        asked.update(wanted)
        with moderator.open(film, 640) as pictures:
            return frames_of(pictures.views, wanted)

    overlay = draw_overlay(result, frames)

    assert asked == {result.reasons[0].frame}
    assert asked != {0}
    reds = np.asarray(overlay, dtype=int)
    assert ((reds[..., 0] > 200) & (reds[..., 1] < 90)).sum() > 1000  # the gun itself is shown


@pytest.mark.parametrize("size", [(1, 1), (2000, 3), (3, 2000)])
def test_odd_shapes_are_drawn_too(moderator: Moderator, size: tuple[int, int]) -> None:
    blue = Image.new("RGB", size, (0, 0, 255))
    data = encode(blue, "PNG")
    result = moderator.check(data, look=Look(maps=True))

    overlay = draw_overlay(result, lambda _: {0: np.asarray(blue)})

    assert overlay.width >= 640
    assert result.reasons
