import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="PyTorch is not installed: make test-train installs it")

from worksafe.training.augment import STEPS, augment, lay_on

pytestmark = pytest.mark.train


def test_augmentation_depends_on_the_seed_alone() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)

    once = [augment(picture, np.random.default_rng(seed)) for seed in range(30)]
    again = [augment(picture, np.random.default_rng(seed)) for seed in range(30)]

    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
    assert len({a.tobytes() for a in once}) > 25
    assert all(a.dtype == np.uint8 and a.shape[2] == 3 and min(a.shape[:2]) > 30 for a in once)


def test_a_picture_lies_whole_on_another() -> None:
    picture = np.random.default_rng(1).integers(1, 256, (60, 80, 3), dtype=np.uint8)
    background = np.zeros((33, 44, 3), dtype=np.uint8)

    laid = lay_on(picture, background, np.random.default_rng(2))

    rows, columns = np.nonzero(laid.any(axis=2))
    inside = laid[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert np.array_equal(inside, picture)
    assert 0.3 < picture.size / laid.size < 0.82


@pytest.mark.parametrize("step", [step for _, step in STEPS], ids=lambda step: step.__name__)
def test_every_change_takes_tiny_pictures_too(step: object) -> None:
    changed = step(Image.new("RGB", (9, 5), (10, 200, 30)), np.random.default_rng(0))  # type: ignore[operator]

    assert changed.mode == "RGB"
    assert min(changed.size) >= 1
