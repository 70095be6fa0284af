import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictures import photographs
from worksafe.images.resize import letterbox, letterbox_size, normalise, resize_image


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_a_letterbox_holds_the_picture_and_wastes_less_than_one_multiple(
    width: int, height: int
) -> None:
    box_width, box_height = letterbox_size(width, height, 320, 32)

    scale = 320 / max(width, height)
    assert max(box_width, box_height) == 320
    assert box_width % 32 == box_height % 32 == 0
    for box, side in ((box_width, width), (box_height, height)):
        inner = max(1, round(side * scale))
        assert inner <= box < inner + 32


def test_letterbox_pads_with_black_on_the_right_and_below_only() -> None:
    white = np.full((300, 451, 3), 255, dtype=np.uint8)

    canvas, scale = letterbox(white, 320, 32)

    assert canvas.shape == (224, 320, 3)
    assert (canvas[: round(300 * scale)] == 255).all()
    assert (canvas[round(300 * scale) :] == 0).all()


def test_resize_averages_instead_of_skipping() -> None:
    stripes = np.zeros((400, 400, 3), dtype=np.uint8)
    stripes[:, ::2] = 255

    assert np.ptp(resize_image(stripes, 40, 40)) < 20


def test_resize_of_the_wanted_size_copies_nothing() -> None:
    image = photographs()["astronaut"]

    assert resize_image(image, 512, 512) is image


@pytest.mark.parametrize(("order", "first_plane"), [("rgb", 0), ("bgr", 2)])
def test_normalise_scales_each_channel_in_the_networks_order(order: str, first_plane: int) -> None:
    image = photographs()["coffee"]
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)

    planes = normalise(image, mean, std, order)  # type: ignore[arg-type]  # parametrised

    assert planes.shape == (1, 3, *image.shape[:2])
    assert planes.dtype == np.float32
    expected = (image[:, :, first_plane] / 255 - mean[0]) / std[0]
    np.testing.assert_allclose(planes[0, 0], expected, atol=1e-5)
