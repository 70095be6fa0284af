"""What is said before a training, instead of hours later or never."""

from dataclasses import replace

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: make test-train installs it")

from worksafe.errors import DatasetError, TrainingError
from worksafe.evaluation.datasets import Example
from worksafe.training.config import TeacherConfig, TrainingConfig
from worksafe.training.preflight import ENOUGH_NEUTRAL, find_gaps, refuse_unbuildable

pytestmark = pytest.mark.train


def test_a_teacher_that_cannot_be_built_is_found_before_the_training(
    config: TrainingConfig,
) -> None:
    assert config.glance
    alone = replace(config.glance.recipe, teacher=TeacherConfig(side_px=80, share=0.5))

    with pytest.raises(TrainingError, match="multiples of 32"):  # as the full look merges
        refuse_unbuildable(replace(config, glance=replace(config.glance, recipe=alone)))
    refuse_unbuildable(alone)  # what --initial names may not merge
    with pytest.raises(TrainingError, match="multiples of 16"):
        refuse_unbuildable(replace(alone, teacher=TeacherConfig(side_px=72, share=0.5)))


def test_the_teacher_of_a_glance_merges_as_the_full_look_does(config: TrainingConfig) -> None:
    assert config.glance
    taught = replace(config.glance.recipe, teacher=TeacherConfig(side_px=80, share=0.5))
    whole = replace(config.network, merge_after=0)

    refuse_unbuildable(replace(config, network=whole, glance=replace(config.glance, recipe=taught)))


def test_splits_that_lack_something_are_told(
    config: TrainingConfig, examples: list[Example]
) -> None:
    unlearnt = [one for one in examples if (one.split, one.label) != ("train", "violence.blood")]
    kept = [one for one in unlearnt if (one.split, one.label) != ("val", "drugs.cannabis")]

    told = find_gaps(config.labels, kept)

    assert "no pictures of violence.blood in train: nothing teaches it" in told
    assert "no pictures of violence.blood in val: nothing calibrates its scores" not in told
    assert "no pictures of drugs.cannabis in val: nothing calibrates its scores" in told
    assert "no pictures of drugs.cannabis in train: nothing teaches it" not in told


def test_too_few_neutral_pictures_for_thresholds_are_told(
    config: TrainingConfig, examples: list[Example]
) -> None:
    held = [one for one in examples if (one.split, one.category) == ("val", "neutral")]
    many = [*examples, *held * ENOUGH_NEUTRAL]

    few = f"only {len(held)} neutral pictures in val: thresholds need 200 to say much"
    assert few in find_gaps(config.labels, examples)
    assert not any("neutral" in line for line in find_gaps(config.labels, many))
    with pytest.raises(DatasetError, match="no neutral pictures in val"):
        find_gaps(config.labels, [one for one in examples if one not in held])
