from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakes import brightness_detector
from worksafe import Moderator
from worksafe.evaluation.datasets import Example, read_manifest
from worksafe.evaluation.scoring import Scored, score_examples

HEADER = "path,split,category,label,sublabel,source,group\n"


@pytest.fixture
def moderator() -> Moderator:
    """Says that bright pictures show blood."""
    return Moderator(detectors=[brightness_detector("violence.blood")])


@pytest.fixture
def brightness(tmp_path: Path) -> list[Example]:
    """Bright pictures show blood, dark ones are neutral; two of forty are the other way round."""
    rows = []
    for index in range(40):
        bloody = index % 2 == 0
        level = 200 + index if bloody else 10 + index
        level = 30 if index == 2 else 250 if index == 3 else level
        Image.fromarray(np.full((8, 8, 3), level, np.uint8)).save(tmp_path / f"{index}.png")
        what = "violence,blood,wound" if bloody else "neutral,,sport"
        rows.append(f"{index}.png,test,{what},s{index % 3},g{index}\n")
    (tmp_path / "manifest.csv").write_text(HEADER + "".join(rows))
    return read_manifest(tmp_path)


@pytest.fixture
def scored(brightness: list[Example], moderator: Moderator) -> list[Scored]:
    return [one for one in score_examples(moderator, brightness) if isinstance(one, Scored)]
