"""Weights that are mixed or taken over are of the same network and of the same outputs."""

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: make test-train installs it")

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from worksafe.errors import TrainingError
from worksafe.evaluation.datasets import Example
from worksafe.training.averages import is_trained_here, mix, refuse_other_labels, save_weights
from worksafe.training.config import LabelsConfig, TrainingConfig
from worksafe.training.networks.base import ConvolutionalNetwork
from worksafe.training.networks.build import build_network
from worksafe.training.train import train

pytestmark = pytest.mark.train


class Normalised(ConvolutionalNetwork):
    """A backbone with statistics of its own, as timm's have."""

    depth = 1

    def __init__(self) -> None:
        super().__init__(1, 8)
        self.layers: nn.Module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
        nn.init.normal_(self.head.weight)

    def features(self, pixels: Tensor) -> Tensor:
        maps: Tensor = self.layers(pixels)
        return maps.relu()

    def layer_of(self, name: str) -> int:
        return 2 if name.startswith("head.") else 1

    def start_from(self, path: Path) -> None:
        raise NotImplementedError


@pytest.fixture
def labels(config: TrainingConfig) -> LabelsConfig:
    return config.labels


@pytest.fixture
def turned(labels: LabelsConfig) -> LabelsConfig:
    """Give the same labels in another order."""
    violence, drugs = labels.categories.items()
    return replace(labels, categories=dict([drugs, violence]))


def test_statistics_of_batch_normalisation_are_mixed_as_weights_are(tmp_path: Path) -> None:
    start, end = Normalised().eval(), Normalised().eval()
    end.state_dict()["layers.1.running_var"].mul_(100)
    end.state_dict()["layers.1.num_batches_tracked"].fill_(7)
    file = tmp_path / "start.safetensors"
    save_weights(start.state_dict(), file, ["a"])
    pixels = torch.randn(4, 3, 16, 16)

    back = mix(end, [], file, start_share=1.0)
    mean = mix(end, [file], file, start_share=0.0)

    with torch.inference_mode():
        torch.testing.assert_close(back(pixels)[0], start(pixels)[0])
    mixed = mean.state_dict()
    torch.testing.assert_close(mixed["layers.1.running_var"], torch.full((8,), 50.5))
    assert mixed["layers.1.num_batches_tracked"] == 7  # a count has no mean
    assert end.state_dict()["layers.1.running_var"][0] == 100  # as it was


def test_a_network_of_other_labels_is_neither_begun_with_nor_averaged(
    config: TrainingConfig, turned: LabelsConfig, examples: list[Example], tmp_path: Path
) -> None:
    other = tmp_path / "other.safetensors"
    network = build_network(config.network, len(turned.outputs))
    save_weights(network.state_dict(), other, turned.outputs)

    for initial, others in ((other, []), (None, [other])):
        with pytest.raises(TrainingError, match="its drugs would be taken for violence"):
            next(train(config, examples, initial, tmp_path / "run", others=others))
    assert not (tmp_path / "run").exists()


def test_a_file_of_the_same_labels_or_of_no_head_that_fits_is_taken(
    labels: LabelsConfig, turned: LabelsConfig, tmp_path: Path
) -> None:
    weights = {"weight": torch.zeros(1)}
    same, fewer, bare = (tmp_path / f"{name}.safetensors" for name in ("same", "fewer", "bare"))
    save_weights(weights, same, labels.outputs)
    save_weights(weights, fewer, turned.outputs[1:])
    save_file(weights, bare)

    refuse_other_labels(labels, [same, fewer, bare, tmp_path / "mobilenet.onnx"])

    assert [is_trained_here(path) for path in (same, fewer, bare)] == [True, True, False]


def test_a_file_that_is_broken_is_named(labels: LabelsConfig, tmp_path: Path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no tensors")

    with pytest.raises(TrainingError, match=r"broken\.safetensors cannot be read as safetensors"):
        is_trained_here(broken)
    with pytest.raises(TrainingError, match=r"broken\.safetensors cannot be read as safetensors"):
        refuse_other_labels(labels, [broken])


def test_what_is_kept_lies_between_the_start_and_the_average(
    config: TrainingConfig, examples: list[Example], tmp_path: Path
) -> None:
    few = replace(config.optimiser, examples=64, start_share=1.0)

    list(train(replace(config, optimiser=few), examples, None, tmp_path))
    kept = load_file(tmp_path / "network.safetensors")
    start = load_file(tmp_path / "start.safetensors")
    assert all(torch.allclose(kept[name], start[name]) for name in start)

    none = replace(few, start_share=0.0)  # the run is over: only the mixture is made anew
    list(train(replace(config, optimiser=none), examples, None, tmp_path))
    average = load_file(tmp_path / "network.safetensors")
    assert not torch.allclose(average["norm.weight"], start["norm.weight"], atol=1e-7)


def test_runs_are_averaged(
    config: TrainingConfig, examples: list[Example], finished: Path, tmp_path: Path
) -> None:
    few = replace(config.optimiser, examples=64, start_share=0.0)
    short = replace(config, optimiser=few)
    list(train(short, examples, None, tmp_path))
    alone = load_file(tmp_path / "network.safetensors")
    other = load_file(finished / "network.safetensors")

    (mixed,) = train(short, examples, None, tmp_path, others=[finished / "network.safetensors"])

    assert mixed.validation  # of the mixture that is kept

    mean = load_file(tmp_path / "network.safetensors")
    for name, tensor in mean.items():
        torch.testing.assert_close(tensor, (alone[name] + other[name]) / 2)
