import re
from dataclasses import replace
from pathlib import Path

import pytest

from recipes import RECIPES
from worksafe.errors import TrainingError
from worksafe.training.config import read_config


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("base = 5", "base must be the name of a file"),
        ("glance = true", "glance"),
        ("[glance]\nrecipe = 5", "glance.recipe must be the name of a file"),
        ('base = "plain.toml"\n[glance]\nsettles_below = 0.1', "glance"),
    ],
)
def test_a_setting_of_the_wrong_kind_is_named(text: str, mistake: str, tmp_path: Path) -> None:
    (tmp_path / "plain.toml").write_text("glance = false")
    (tmp_path / "recipe.toml").write_text(text)

    with pytest.raises(TrainingError, match=mistake):
        read_config(tmp_path / "recipe.toml")


@pytest.mark.parametrize(
    ("setting", "mistake"),
    [
        ("seed = -1", "seed: must be greater than or equal to 0"),
        ("[optimiser]\nbatch = 0", "optimiser.batch: must be greater than 0"),
        ("[optimiser]\nvalidate_every = 0", "optimiser.validate_every"),
        ("[optimiser]\nlr = nan", "optimiser.lr: must be a finite number"),
        ('[optimiser]\nexamples = "many"', "optimiser.examples: must be a whole number"),
        ("[optimiser]\nexamples = 8", "optimiser: examples are fewer than one batch"),
        ("[sampling]\nneutral_share = 1.2", "sampling.neutral_share"),
        ("[glance]\nsettles_below = 3.0", "glance.settles_below"),
        ('[labels]\nreported_only = ["drugs.tea"]', "labels: there is no label drugs.tea"),
        ('[labels.categories]\ndrugs = ["tobacco"]', "labels: there is no label drugs"),
        ("[teacher]\nside_px = 32\nshare = 0.5", "a teacher sees no less than its pupil"),
        ("[teacher]\nside_px = 64\nshare = 0.5\nfeatures = 1.0", "kept_share must be 1"),
        ('glance = false\n[network]\nbackbone = "mobilenet_v2"\n[teacher]\nside_px = 64\nshare = 1',
         "only a vit_tiny can learn from a teacher"),
        ('[network]\nbackbone = "mobilenet_v2"', "both are a vit_tiny"),
        ('[network]\npooling = "mean"', "pools as the full look: pooling must be 'mean'"),
        ("[network]\nmerge_after = 6", "merge_after must be 6, and merged 2"),
        ("[network]\nmerged = 4", "merge_after must be 4, and merged 4"),
        ('glance = false\n[network]\nbackbone = "mobilenet_v2"\n[export]\neight_bits = true',
         "only a vit_tiny has layers for eight bits"),
    ],
)  # fmt: skip
def test_a_setting_that_makes_no_sense_is_refused_by_its_name(
    setting: str, mistake: str, tmp_path: Path
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(f"base = '{RECIPES / 'tiny.toml'}'\n{setting}\n")

    with pytest.raises(TrainingError, match=re.escape(mistake)):
        read_config(path)


def test_a_category_that_nothing_counts_towards_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(
        f"base = '{RECIPES / 'tiny.toml'}'\n[labels]\ntogether = []\n"
        '[labels.categories]\ndrugs = ["tobacco"]\n'
    )

    with pytest.raises(TrainingError, match="no label counts towards drugs"):
        read_config(path)


def test_a_recipe_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(b"name = '\xff'")

    with pytest.raises(TrainingError, match="cannot read the recipe"):
        read_config(path)


@pytest.mark.parametrize(
    "change",
    [("seed = 1", "sed = 1"), ("batch =", "bach ="), ("[network]", "[netwrk]"), ("seed = 1", "=")],
)
def test_a_misspelt_recipe_is_refused(change: tuple[str, str], tmp_path: Path) -> None:
    text = (RECIPES / "common.toml").read_text()
    path = tmp_path / "recipe.toml"
    path.write_text(text.replace(*change))

    with pytest.raises(TrainingError, match=r"recipe\.toml"):
        read_config(path)


def test_a_recipe_says_only_how_it_differs_from_its_base(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(f"base = '{RECIPES / 'tiny.toml'}'\nname = 'other'\n[network]\nside_px = 96\n")

    recipe, base = read_config(path), read_config(RECIPES / "tiny.toml")

    assert recipe == replace(base, name="other", network=replace(base.network, side_px=96))
    path.write_text("base = 'recipe.toml'\n")
    with pytest.raises(TrainingError, match="its own base"):
        read_config(path)


def test_a_recipe_may_leave_out_the_glance_of_its_base(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f"base = '{RECIPES / 'tiny.toml'}'\nglance = false\n")

    assert read_config(RECIPES / "tiny.toml").glance
    assert read_config(recipe).glance is None


def test_every_released_recipe_can_be_read() -> None:
    for path in RECIPES.glob("*.toml"):
        assert read_config(path).labels.outputs


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_a_recipe_is_called_as_its_file_is(path: Path) -> None:
    assert path.name == "common.toml" or read_config(path).name == path.stem
