from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: make test-train installs it")

import torch

from worksafe.evaluation.datasets import Example
from worksafe.evaluation.metrics import roc_auc
from worksafe.training.config import TrainingConfig
from worksafe.training.networks.base import FIRST_BIAS
from worksafe.training.networks.build import build_network, load_network
from worksafe.training.networks.vit import WIDTH, VisionTransformer
from worksafe.training.probe import describe, describe_as_exported, start_head
from worksafe.training.run_folder import NETWORK
from worksafe.training.train import predict

pytestmark = pytest.mark.train


def test_a_head_starts_as_the_regression_on_what_the_backbone_sees(
    config: TrainingConfig, examples: list[Example]
) -> None:
    plain = replace(config.network, merge_after=0, pooling="mean")
    mean = replace(config, network=plain, glance=None)
    network = build_network(mean.network, len(mean.labels.outputs))
    learning = [example for example in examples if example.split == "train"]
    backbone = {name: value.clone() for name, value in network.state_dict().items()}

    seen = describe_as_exported(network, mean, learning)
    start_head(network, mean, learning, seen)

    logits = predict(network.eval(), learning, mean.network.side_px)
    outputs = mean.labels.outputs
    for label in {one.label for one in examples} - {""}:
        shown = np.array([example.label == label for example in learning])
        assert roc_auc(logits[:, outputs.index(label)], shown) > 0.9
    unknown = logits[:, outputs.index("violence.unrest")]  # no picture shows it
    np.testing.assert_allclose(unknown, FIRST_BIAS, atol=1e-5)
    after = network.state_dict()
    assert all(torch.equal(after[name], backbone[name]) for name in backbone if "head" not in name)


def test_a_regression_leans_more_on_the_class_token_than_on_places(
    config: TrainingConfig, examples: list[Example]
) -> None:
    network = build_network(config.network, len(config.labels.outputs))
    learning = [example for example in examples if example.split == "train"]
    rng = np.random.default_rng(0)
    halves = rng.normal(size=(len(learning), WIDTH)).astype(np.float32)
    halves[[bool(example.label) for example in learning]] += 0.3
    seen = {one.path: np.tile(half, 2) for one, half in zip(learning, halves, strict=True)}

    start_head(network, config, learning, seen)

    of_class, of_places = network.head.weight.detach().abs().split(WIDTH, dim=1)
    assert 0 < of_places.sum() < 0.5 * of_class.sum()


def test_what_a_network_sees_makes_its_logits(
    config: TrainingConfig, examples: list[Example], finished: Path
) -> None:
    network = load_network(config.network, len(config.labels.outputs), finished / NETWORK)
    some = examples[:20]
    assert isinstance(network, VisionTransformer)
    network.pooling = "mean"  # with softmax the head is applied before the mean

    seen = describe(network.train(), some, config.network.side_px)

    assert network.training  # as it was
    with torch.inference_mode():
        logits = network.head(torch.from_numpy(np.stack([seen[one.path] for one in some])))
    expected = predict(network.eval(), some, config.network.side_px)
    np.testing.assert_allclose(logits, expected, atol=0.05)  # seen in bfloat16 where there is
