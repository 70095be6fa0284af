from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from fakes import FakeSession, brightness_detector
from pictures import encode, photo, photographs
from worksafe.choices import Thorough
from worksafe.engine.detector import load_detectors
from worksafe.engine.idle import IdlePlaces
from worksafe.engine.scoring import score_image
from worksafe.errors import InternalError
from worksafe.images.pictures import DecodedImage, View
from worksafe.images.resize import RgbImage
from worksafe.models.registry import CATEGORIES, DETECTORS, LABELS
from worksafe.moderator import Moderator
from worksafe.settings import Settings


def pictures(*views: View) -> DecodedImage:
    return DecodedImage("png", 40, 30, len(views), views)


def grey(level: int, width: int = 40, height: int = 30) -> RgbImage:
    return np.full((height, width, 3), level, dtype=np.uint8)


def test_the_brightest_frame_counts_and_is_named() -> None:
    views = [View(0, grey(20)), View(7, grey(200)), View(9, grey(60))]

    scored = score_image(pictures(*views), [brightness_detector()], IdlePlaces(1))

    assert scored.scores.labels["violence.fighting"] == pytest.approx(200 / 255, abs=1e-4)
    assert scored.frame_of == {"violence": 7, "violence.fighting": 7}
    assert [region.score for region in scored.scores.regions] == [pytest.approx(200 / 255)]


def test_a_view_counts_that_comes_after_those_of_other_frames() -> None:
    views = [View(0, grey(20)), View(1, grey(20)), View(0, grey(200))]

    scored = score_image(pictures(*views), [brightness_detector()], IdlePlaces(1))

    assert scored.scores.labels["violence.fighting"] == pytest.approx(200 / 255, abs=1e-4)
    assert [one.frame for one in scored.frames] == [0, 1]


def test_two_views_of_a_still_picture_name_no_frame() -> None:
    scored = score_image(
        pictures(View(0, grey(255)), View(0, grey(0))), [brightness_detector()], IdlePlaces(1)
    )

    assert scored.frame_of == {}
    assert scored.scores.categories == {"violence": pytest.approx(1.0)}


def test_frames_around_one_that_shows_something_are_looked_at_once_each() -> None:
    dark, bright = grey(20), grey(200)
    second = View(4, bright, 0.4)
    views = [
        View(0, dark, 0.0, around=(View(1, dark, 0.1),)),
        View(3, bright, 0.3, around=(View(1, dark, 0.1), second)),
        replace(second, around=(View(3, bright, 0.3), View(5, dark, 0.5))),
    ]

    scored = score_image(pictures(*views), [brightness_detector()], IdlePlaces(1))

    assert [one.frame for one in scored.frames] == [0, 1, 3, 4, 5]


@pytest.mark.parametrize("name", photographs())
def test_all_labels_are_scored_on_real_photographs(name: str) -> None:
    scored = score_image(
        pictures(View(0, photographs()[name])), load_detectors(DETECTORS), IdlePlaces(1)
    )

    assert set(scored.scores.labels) == set(LABELS)
    assert set(scored.scores.categories) == set(CATEGORIES)


def test_maps_are_made_only_where_asked_for(moderator: Moderator) -> None:
    picture = encode(photo("astronaut").crop((256, 0, 384, 128)), "PNG")  # a flag, and hair

    assert not moderator.check(picture).scores.maps  # type: ignore[union-attr]
    closely = moderator.check(picture, look=moderator.look(maps=True)).scores
    assert closely is not None
    assert "drugs.tobacco" in closely.maps
    for name, places in closely.maps.items():
        assert closely.labels[name] >= 0.05
        assert np.ndim(places) == 2


def test_an_image_of_which_nothing_was_looked_at_has_no_scores() -> None:
    with pytest.raises(InternalError, match="nothing"):
        score_image(pictures(), [brightness_detector()], IdlePlaces(1))


@pytest.mark.parametrize("thorough", ["always", "never"])
def test_the_settings_say_how_closely_where_nobody_else_does(thorough: Thorough) -> None:
    seen: list[int] = []

    def answer(planes: NDArray[np.float32]) -> NDArray[np.float32]:
        seen.append(planes.shape[2])
        return planes

    plain = brightness_detector("nudity.explicit", FakeSession(answer))
    detector = replace(plain, spec=replace(plain.spec, thorough_side_px=64))
    made = Moderator(Settings(thorough=thorough, cache_entries=0), detectors=[detector])

    made.check(grey(128))

    assert seen == ([32, 64] if thorough == "always" else [32])
