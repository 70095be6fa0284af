"""Generated pictures, a recipe that ends in seconds, and its run."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recipes import RECIPES
from worksafe.evaluation.datasets import Example, read_manifest
from worksafe.training.config import TrainingConfig, read_config

SHOWS = {  # what the generated pictures of each label look like
    "violence.blood": (200, 20, 20),
    "violence.firearm": (60, 60, 70),
    "drugs.cannabis": (30, 160, 40),
    "drugs.tobacco": (230, 230, 220),
}


@pytest.fixture(scope="session")
def config() -> TrainingConfig:
    return read_config(RECIPES / "tiny.toml")


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise with a coloured disc for each label, and without for neutral pictures."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    rows = ["path,split,category,label,source,group"]
    for index in range(160):
        label = [*SHOWS, "", "", "", ""][index % 8]
        pixels = rng.integers(60, 200, (72, 96, 3), dtype=np.uint8)
        if label:
            y, x = np.ogrid[:72, :96]
            inside = (y - rng.integers(30, 42)) ** 2 + (x - rng.integers(36, 60)) ** 2 < 600
            pixels[inside] = SHOWS[label]
        Image.fromarray(pixels).save(folder / f"{index}.png")
        split = "val" if index % 5 == 0 else "train"
        category, _, name = label.partition(".")
        rows.append(
            f"{index}.png,{split},{category or 'neutral'},{name},s{index // 8 % 6},g{index}"
        )
    (folder / "manifest.csv").write_text("\n".join(rows))
    return folder


@pytest.fixture(scope="session")
def examples(data: Path) -> list[Example]:
    return read_manifest(data)


@pytest.fixture(scope="session")
def finished(
    config: TrainingConfig, examples: list[Example], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    from worksafe.training.run_folder import GLANCE, NETWORK  # noqa: PLC0415 - needs PyTorch
    from worksafe.training.train import train  # noqa: PLC0415 - the same

    run_dir = tmp_path_factory.mktemp("run")
    states = list(train(config, examples, None, run_dir))

    assert [state.step for state in states] == list(range(1, states[-1].steps + 1))
    assert states[-1].loss < states[0].loss
    assert config.glance
    list(train(config.glance.recipe, examples, run_dir / NETWORK, run_dir / GLANCE))
    return run_dir
