from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: make test-train installs it")

import torch

from labelled import make_example
from recipes import RECIPES
from worksafe.errors import TrainingError
from worksafe.evaluation.datasets import Example, read_pixels
from worksafe.images.resize import RgbImage
from worksafe.training.config import TrainingConfig, read_config
from worksafe.training.data import (
    TrainingPictures,
    draw_examples,
    targets,
)
from worksafe.training.preflight import refuse_unlearnable

pytestmark = pytest.mark.train


def known(config: TrainingConfig, shown: Example) -> dict[str, tuple[float, float]]:
    values, weights = targets(shown, config.labels, config.sampling)
    return dict(zip(config.labels.outputs, zip(values, weights, strict=True), strict=True))


def test_a_label_says_nothing_about_the_other_category_and_neutral_says_no_to_all() -> None:
    config = read_config(RECIPES / "hazards.toml")

    armed = known(config, make_example("violence", "violence.firearm"))
    smoking = known(config, make_example("drugs", "drugs.tobacco"))
    neutral = known(config, make_example("neutral", ""))

    assert armed["violence"] == armed["violence.firearm"] == (1, 1)
    assert armed["violence.unrest"][1] == 0  # often together: left open
    assert armed["violence.explosive"][0] == 0 < armed["violence.explosive"][1] < 1
    assert all(weight == 0 for name, (_, weight) in armed.items() if name.startswith("drugs"))
    assert smoking["drugs"][0] == 0 < smoking["drugs"][1]  # reported, not counted
    assert set(neutral.values()) == {(0, 1)}
    weak = known(config, make_example("violence", "violence.firearm", weak=True))
    assert 0 < weak["violence.firearm"][1] < 1


def test_draws_are_balanced_between_labels_and_between_sources(config: TrainingConfig) -> None:
    pool = [
        *[make_example("neutral", "")] * 500,
        *[make_example("violence", "violence.blood", source="big")] * 90,
        *[make_example("violence", "violence.blood", source="small")] * 10,
        *[make_example("drugs", "drugs.cannabis")] * 25,
    ]
    even = replace(config.sampling, neutral_share=0.5, label_power=0.0, source_power=0.0)

    drawn = draw_examples(pool, even, 8000, seed=1)

    counts = Counter((pool[i].label, pool[i].source) for i in drawn)
    assert counts["", "s"] == pytest.approx(4000, rel=0.1)
    assert counts["drugs.cannabis", "s"] == pytest.approx(2000, rel=0.1)
    assert counts["violence.blood", "small"] == pytest.approx(1000, rel=0.15)
    with pytest.raises(TrainingError, match="neutral"):
        refuse_unlearnable(config.labels, pool[500:])


def test_a_collage_lies_on_neutral_pictures_and_keeps_its_targets(
    config: TrainingConfig, examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    learning = [example for example in examples if example.split == "train"]
    drawn = np.arange(16)
    backgrounds: list[RgbImage] = []

    def note(image: RgbImage, background: RgbImage, _: np.random.Generator) -> RgbImage:
        backgrounds.append(background)
        return image

    monkeypatch.setattr("worksafe.training.data.lay_on", note)

    plain, laid = (
        TrainingPictures(
            learning,
            drawn,
            config.labels,
            replace(config.sampling, collage=share),
            side_px=32,
            seed=1,
        )
        for share in (0.0, 1.0)
    )

    for at in range(len(drawn)):
        assert all(map(torch.equal, plain[at][1:], laid[at][1:]))
    neutral = [read_pixels(one, 64) for one in learning if one.category == "neutral"]
    assert len(backgrounds) == len(drawn)
    assert all(any(np.array_equal(one, some) for some in neutral) for one in backgrounds)
