"""What ships, on pictures whose answers are known: fed and read as it was trained to be."""

import json
from importlib.resources import files

import numpy as np
import pytest
from skimage import data

from pictures import photo
from worksafe.engine.detector import prepare
from worksafe.models import hazards, nudity
from worksafe.models.spec import DetectorSpec, Placement
from worksafe.moderator import Moderator

CONTRACT = json.loads((files("worksafe.models.shipped") / "hazards.json").read_text())
LOOKS = [*hazards.SPEC.looks]
NEARLY = 0.05  # processors and runtimes round otherwise


@pytest.mark.parametrize("at", range(len(CONTRACT["outputs"])), ids=CONTRACT["outputs"])
@pytest.mark.parametrize("spec", LOOKS, ids=["glance", "full"])
def test_a_logit_is_the_score_of_the_label_that_the_contract_names(
    spec: DetectorSpec, at: int
) -> None:
    logits = np.full((1, len(CONTRACT["outputs"])), -20.0, dtype=np.float32)
    logits[0, at] = 20.0

    scores = spec.interpret([logits], Placement(1, 1)).labels

    shown = CONTRACT["outputs"][at]
    assert {name for name, score in scores.items() if score > 0.9} == {shown} & {*scores}


@pytest.mark.parametrize(("spec", "low"), [(nudity.SPEC, 0.0), *((look, -1.0) for look in LOOKS)])
def test_colours_are_fed_red_first_and_scaled_as_in_training(
    spec: DetectorSpec, low: float
) -> None:
    orange = np.full((90, 120, 3), (255, 51, 0), dtype=np.uint8)

    planes, placement = prepare(orange, spec)

    height, width = (round(side) for side in (placement.height, placement.width))
    of_picture = planes[0, :, : height - 1, : width - 1].mean(axis=(1, 2))
    assert of_picture == pytest.approx([1.0, low + (1 - low) / 5, low], abs=1e-3)


@pytest.mark.parametrize(
    ("label", "score"), [("nudity.explicit", 0.297), ("nudity.suggestive", 0.117)]
)
def test_nudenet_says_of_a_cup_of_coffee_what_it_said(
    label: str, score: float, moderator: Moderator
) -> None:
    """Blue first, it would be 0.205 and 0.143."""
    scores = moderator.check(photo("coffee")).scores

    assert scores is not None
    assert scores.labels[label] == pytest.approx(score, abs=NEARLY / 2)


@pytest.mark.parametrize(("name", "score"), [("coins", 0.969), ("clock", 0.804), ("cell", 0.955)])
def test_the_hazards_detector_is_wrong_about_known_pictures_as_its_card_says(
    name: str, score: float, moderator: Moderator
) -> None:
    grey = getattr(data, name)()

    scores = moderator.check(np.stack([grey] * 3, axis=2)).scores

    assert scores is not None
    assert scores.labels["drugs.substances"] == pytest.approx(score, abs=NEARLY)
    assert max(score for name, score in scores.labels.items() if name.startswith("violence")) < 0.2
