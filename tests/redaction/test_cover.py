import numpy as np
import pytest

from worksafe.redaction.areas import WHOLE, Area, Reach, find_areas
from worksafe.redaction.cover import METHODS, cover
from worksafe.results import Region, Scores


@pytest.mark.parametrize("method", METHODS)
def test_detail_cannot_be_told_any_more(method: str) -> None:
    stripes = np.zeros((160, 160, 3), dtype=np.uint8)
    stripes[::2] = 200
    checks = np.zeros((160, 160, 3), dtype=np.uint8)
    checks[::2, ::2] = checks[1::2, 1::2] = 200

    covered = [cover(one, [Area("x", WHOLE)], method) for one in (stripes, checks)]  # type: ignore[arg-type]

    np.testing.assert_array_equal(covered[0], covered[1])


@pytest.mark.parametrize(
    "box", [(0.0, 0.0, 0.01, 0.01), (0.995, 0.995, 0.005, 0.005), (0.2, 0.0, 0.0, 1.0)]
)
@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 3), (64, 64)])
def test_slivers_at_the_edge_of_odd_pictures_are_covered(
    box: tuple[float, float, float, float], size: tuple[int, int]
) -> None:
    image = np.full((*size, 3), 255, dtype=np.uint8)
    scores = Scores({}, {}, (Region("violence.firearm", "GUN", 0.9, box),))

    areas = find_areas(scores, {"violence.firearm"}, Reach(0.1, 0.5), size[1], size[0])

    covered = cover(image, areas, "box")
    assert (covered == 0).any()
    assert image.all()  # what came in is left as it was


def test_a_flat_map_means_everywhere() -> None:
    scores = Scores({}, {}, maps={"violence.blood": ((1.0, 1.0), (1.0, 1.0))})

    (area,) = find_areas(scores, {"violence.blood"}, Reach(0.1, 0.5), 40, 30)

    assert area.share == 1


def test_a_label_without_regions_or_map_means_everywhere() -> None:
    (area,) = find_areas(Scores({}, {}), {"nudity.explicit"}, Reach(0.1, 0.5), 40, 30)

    assert area.share == 1


@pytest.mark.parametrize("method", ["blur", "pixelate"])
@pytest.mark.parametrize("side", [4, 8, 12, 20])
def test_small_areas_lose_their_detail_too(method: str, side: int) -> None:
    stripes = np.zeros((side, side, 3), dtype=np.uint8)
    stripes[::2] = 200

    covered = cover(stripes, [Area("x", WHOLE)], method)  # type: ignore[arg-type]

    assert np.ptp(covered) < 60


def test_a_margin_is_a_share_of_the_region_on_all_sides() -> None:
    scores = Scores({}, {}, (Region("violence.firearm", "GUN", 0.9, (0.4, 0.4, 0.2, 0.1)),))

    (area,) = find_areas(scores, {"violence.firearm"}, Reach(0.5, 0.5), 1000, 1000)

    assert area.box == pytest.approx((0.3, 0.35, 0.4, 0.2))


def test_the_share_of_an_area_is_what_it_covers_of_the_picture() -> None:
    assert Area("x", (0.0, 0.0, 0.5, 1.0), np.array([[True, False]])).share == 0.25
