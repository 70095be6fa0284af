from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from worksafe import Moderator
from worksafe.evaluation.datasets import Example
from worksafe.evaluation.robustness import (
    CHANGES,
    UNCHANGED,
    choose_shown,
    choose_specs,
    robustness_rows,
    score_changes,
)
from worksafe.evaluation.scoring import Scored
from worksafe.models import hazards
from worksafe.models.registry import DETECTORS


def test_brightness_stays_in_a_mirror_and_moves_where_a_crop_cuts_the_dark_edge(
    brightness: list[Example], scored: list[Scored], moderator: Moderator
) -> None:
    pixels = np.full((40, 40, 3), 200, np.uint8)
    pixels[:, :2] = 0
    for example in brightness:
        if example.label:
            Image.fromarray(pixels).save(example.path)
    neutral = [one for one in scored if not one.example.label]

    rows = robustness_rows(list(score_changes(moderator, brightness)), neutral)

    by_change = {row["change"]: row for row in rows}
    assert list(by_change) == list(CHANGES)
    for name in (UNCHANGED, "mirrored"):
        assert (by_change[name]["median_change"], by_change[name]["p90_change"]) == ("0.0000",) * 2
    # 5 % of 40 columns are the two dark ones: 200 / 255 is left of 190 / 255.
    assert float(by_change["cropped"]["median_change"]) == pytest.approx(10 / 255, abs=0.001)
    assert float(by_change["cropped"]["auc"]) == pytest.approx(19 / 20)
    assert {row["positives"] for row in rows} == {"20"}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_leaves_a_picture_of_the_expected_size(change: str) -> None:
    picture = Image.fromarray(np.arange(64 * 32 * 3, dtype=np.uint8).reshape(32, 64, 3))

    changed = CHANGES[change](picture)

    sides = {"half size": (32, 16), "cropped": (58, 28)}
    if isinstance(changed, Image.Image):
        assert changed.size == sides.get(change, (64, 32))
    else:
        assert isinstance(changed, bytes)
        assert changed.startswith(b"\xff\xd8")


def test_only_detectors_of_the_pictures_categories_are_chosen(brightness: list[Example]) -> None:
    shown = choose_shown(brightness, hazards.SPEC.labels)

    assert choose_specs(shown, DETECTORS) == [hazards.SPEC]


def test_pictures_of_a_label_that_nothing_reports_are_passed_over(
    brightness: list[Example], moderator: Moderator
) -> None:
    tea = [replace(one, label="drugs.tea", category="drugs") for one in brightness if one.label]

    assert list(score_changes(moderator, tea)) == []
    assert choose_shown([*tea, *brightness], hazards.SPEC.labels) == choose_shown(
        brightness, hazards.SPEC.labels
    )
