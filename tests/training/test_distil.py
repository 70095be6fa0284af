"""A network learns from an earlier one that sees the same pictures larger."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="PyTorch is not installed: make test-train installs it")

import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from recipes import RECIPES
from worksafe.errors import TrainingError
from worksafe.evaluation.datasets import Example, read_pixels
from worksafe.training.config import NetworkConfig, TeacherConfig, TrainingConfig, read_config
from worksafe.training.crossvalidate import cross_validate
from worksafe.training.data import to_tensor
from worksafe.training.distil import Teacher, pool_places
from worksafe.training.loss import masked_loss
from worksafe.training.networks.build import build_network, load_network
from worksafe.training.networks.vit import VisionTransformer
from worksafe.training.train import train

pytestmark = pytest.mark.train


@pytest.fixture
def config() -> TrainingConfig:
    """Give a recipe of 64 px that is taught at 96."""
    tiny = read_config(RECIPES / "tiny.toml")
    optimiser = replace(tiny.optimiser, examples=64, probe_start=False, start_share=0.0)
    return replace(
        tiny,
        network=NetworkConfig("vit_tiny", 64),
        optimiser=optimiser,
        teacher=TeacherConfig(side_px=96, share=0.25),
        glance=None,
    )


@pytest.fixture
def earlier(config: TrainingConfig, tmp_path: Path) -> Path:
    """Write a network that is sure of something else for each output."""
    torch.manual_seed(3)
    network = build_network(config.network, len(config.labels.outputs))
    torch.nn.init.normal_(network.head.bias, std=2.0)
    save_file(network.state_dict(), tmp_path / "earlier.safetensors")
    return tmp_path / "earlier.safetensors"


@pytest.fixture
def examples(tmp_path: Path) -> list[Example]:
    """Give pictures of noise, neutral and not."""
    rng = np.random.default_rng(0)
    made = []
    for index in range(12):
        path = tmp_path / f"{index}.png"
        Image.fromarray(rng.integers(0, 256, (70, 90, 3), dtype=np.uint8)).save(path)
        category, label = [("neutral", ""), ("drugs", "drugs.tobacco")][index % 2]
        made.append(Example(path, "train", category, label, "", False, f"s{index}", f"g{index}"))
    return made


@pytest.mark.parametrize("merge_after", [0, 3])
def test_targets_lie_between_label_and_teacher_and_are_the_teachers_where_no_label_tells(
    config: TrainingConfig, earlier: Path, merge_after: int
) -> None:
    assert config.teacher is not None
    learning = replace(config, network=replace(config.network, merge_after=merge_after))
    outputs = len(config.labels.outputs)
    pixels = torch.randn(2, 3, 96, 96)
    values, weights = torch.zeros(2, outputs), torch.ones(2, outputs)
    values[0, 0], weights[1, 2] = 1.0, 0.0
    at_96 = build_network(replace(config.network, side_px=96), outputs)
    at_96.start_from(earlier)
    student = build_network(learning.network, outputs).eval()
    with torch.inference_mode():
        scores = at_96.eval()(pixels)[0].sigmoid()
        small = functional.interpolate(pixels, (64, 64), mode="bilinear", antialias=True)
        logits = student(small)[0]
        loss = Teacher(learning, config.teacher, earlier).loss(student, pixels, values, weights)

    aims = 0.75 * values + 0.25 * scores
    aims[1, 2], weights[1, 2] = scores[1, 2], 0.25
    torch.testing.assert_close(loss, masked_loss(logits, aims, weights))


def test_features_pull_every_place_to_what_the_teacher_sees_there(
    config: TrainingConfig, earlier: Path, examples: list[Example], tmp_path: Path
) -> None:
    """A network whose places were merged comes back to what it saw before."""
    merged = NetworkConfig("vit_tiny", 64, merge_after=3, merged=4)
    optimiser = replace(config.optimiser, examples=160, kept_share=1.0, head_lr=0.0)
    recipe = replace(config, network=merged, optimiser=optimiser)
    before = build_network(config.network, len(config.labels.outputs))
    before.start_from(earlier)
    pixels = torch.stack([to_tensor(read_pixels(example, 64), 64) for example in examples])
    assert isinstance(before, VisionTransformer)
    with torch.inference_mode():
        wanted = pool_places(before.eval().tokens(pixels), (4, 4), (2, 2))

    distances = []
    for features in (0.0, 10.0):
        folder = tmp_path / str(features)
        teacher = TeacherConfig(side_px=64, share=0.0, features=features)
        list(train(replace(recipe, teacher=teacher), examples, earlier, folder))
        network = load_network(merged, len(config.labels.outputs), folder / "network.safetensors")
        assert isinstance(network, VisionTransformer)
        with torch.inference_mode():
            distances.append(functional.mse_loss(network.tokens(pixels), wanted).item())

    assert distances[1] < 0.8 * distances[0]


def test_pooling_keeps_the_class_token_and_averages_neighbours() -> None:
    tokens = torch.arange(17.0).reshape(1, 17, 1)  # 0 is the class token, then 4 x 4 places

    pooled = pool_places(tokens, (4, 4), (2, 2))

    corner = (1 + 2 + 5 + 6) / 4
    assert pooled[0, :, 0].tolist() == [0.0, corner, corner + 2, corner + 8, corner + 10]
    assert torch.equal(pool_places(tokens, (4, 4), (4, 4)), tokens)
    pairs = pool_places(tokens, (2, 8), (2, 2))  # of a teacher whose places were merged
    assert pairs[0, :, 0].tolist() == [0.0, 2.5, 6.5, 10.5, 14.5]


def test_a_teacher_whose_places_were_merged_is_like_itself(
    config: TrainingConfig, tmp_path: Path
) -> None:
    """At its own size, with the same weights, no feature is away from where it is taught to be."""
    network = NetworkConfig("vit_tiny", 64, merge_after=3)
    student = build_network(network, len(config.labels.outputs)).eval()
    save_file(student.state_dict(), tmp_path / "merged.safetensors")
    pixels = torch.randn(2, 3, 64, 64)
    nothing = torch.zeros(2, len(config.labels.outputs))

    losses = []
    for features in (0.0, 10.0):
        teacher = TeacherConfig(side_px=64, share=0.5, features=features)
        taught = Teacher(replace(config, network=network), teacher, tmp_path / "merged.safetensors")
        losses.append(taught.loss(student, pixels, nothing, nothing).item())

    assert losses[1] == pytest.approx(losses[0], abs=1e-6)


def test_a_taught_network_stays_near_its_teacher_where_labels_pull_away(
    config: TrainingConfig, earlier: Path, examples: list[Example], tmp_path: Path
) -> None:
    sure = load_file(earlier)
    firearm = config.labels.outputs.index("violence.firearm")
    sure["head.bias"][firearm] = 6.0  # though half of the pictures are labelled neutral
    save_file(sure, tmp_path / "sure.safetensors")
    quick = replace(config, optimiser=replace(config.optimiser, head_lr=0.1))
    teachers = {"alone": None, "taught": TeacherConfig(side_px=96, share=1.0)}

    for name, teacher in teachers.items():
        recipe = replace(quick, teacher=teacher)
        list(train(recipe, examples, tmp_path / "sure.safetensors", tmp_path / name))

    biases = {
        name: load_file(tmp_path / name / "network.safetensors")["head.bias"][firearm]
        for name in teachers
    }
    assert biases["alone"] < biases["taught"] - 0.05


def test_a_teacher_needs_a_file_and_in_it_a_head_of_the_same_outputs(
    config: TrainingConfig, earlier: Path, examples: list[Example], tmp_path: Path
) -> None:
    headless = {name: t for name, t in load_file(earlier).items() if "head" not in name}
    save_file(headless, tmp_path / "pretrained.safetensors")

    with pytest.raises(TrainingError, match="has no head"):
        list(train(config, examples, tmp_path / "pretrained.safetensors", tmp_path / "a"))
    with pytest.raises(TrainingError, match="name its file"):
        list(train(config, examples, None, tmp_path / "b"))
    other = {**load_file(earlier), "head.weight": torch.zeros(3, 384)}
    save_file(other, tmp_path / "other.safetensors")
    with pytest.raises(TrainingError, match=r"cannot teach: its head\.weight"):
        list(train(config, examples, tmp_path / "other.safetensors", tmp_path / "c"))


def test_a_teacher_that_has_seen_all_sources_is_kept_out_of_folds_that_leave_some_out(
    config: TrainingConfig, earlier: Path, examples: list[Example], tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="what its teacher has seen"):
        next(cross_validate(config, examples, earlier, tmp_path))
