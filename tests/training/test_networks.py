"""Every backbone that a recipe can name: shapes, maps, what is frozen, what it starts from."""

import importlib.util
import sys
from pathlib import Path
from typing import Literal

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: make test-train installs it")

import onnx
import torch
from onnx import TensorProto, helper
from safetensors.torch import save_file

from worksafe.errors import TrainingError
from worksafe.training.averages import save_weights
from worksafe.training.config import NetworkConfig
from worksafe.training.networks.build import build_network, load_network
from worksafe.training.networks.mobilenet import MobileNetV2
from worksafe.training.networks.pretrained_timm import TimmNetwork
from worksafe.training.networks.vit import VisionTransformer

pytestmark = pytest.mark.train

A_TIMM = """
from torch import nn

def is_model(name):
    return True

class Plain(nn.Module):
    num_features = 3
    pretrained_cfg = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}

    def forward_features(self, pixels):
        return pixels

def create_model(name, **_):
    return Plain()
"""
BACKBONES = [
    (NetworkConfig("vit_tiny", 64), (4, 4)),
    (NetworkConfig("vit_tiny", 96, merge_after=4, pooling="softmax", drop_path=0.1), (3, 6)),
    (NetworkConfig("vit_tiny", 96, merge_after=3, merged=4), (3, 3)),
    (NetworkConfig("mobilenet_v2", 64), (2, 2)),
]


@pytest.mark.parametrize(("config", "grid"), BACKBONES)
def test_a_backbone_gives_logits_and_maps_and_learns_from_both_modes(
    config: NetworkConfig, grid: tuple[int, int]
) -> None:
    network = build_network(config, outputs=5)
    pixels = torch.randn(2, 3, config.side_px, config.side_px)

    logits, maps = network.eval()(pixels)
    network.train()
    network.kept_share = 0.5
    network(pixels)[0].sum().backward()

    assert logits.shape == (2, 5)
    assert maps.shape == (2, 5, *grid)
    assert all(p.grad is not None for p in network.parameters() if p.requires_grad)


@pytest.mark.parametrize("config", [config for config, _ in BACKBONES])
def test_the_map_of_an_output_is_its_own(config: NetworkConfig) -> None:
    network = build_network(config, outputs=2).eval()
    pixels = torch.randn(1, 3, config.side_px, config.side_px)
    with torch.inference_mode():
        logits, maps = network(pixels)
        network.head.weight[0] += 0.05 * torch.randn_like(network.head.weight[0])
        moved_logits, moved_maps = network(pixels)

    assert not torch.equal(maps[0, 0], moved_maps[0, 0])
    assert not torch.equal(logits[0, 0], moved_logits[0, 0])
    assert torch.equal(maps[0, 1], moved_maps[0, 1])
    assert torch.equal(logits[0, 1], moved_logits[0, 1])


@pytest.mark.parametrize("config", [config for config, _ in BACKBONES])
def test_a_network_that_was_saved_says_the_same(config: NetworkConfig, tmp_path: Path) -> None:
    network = build_network(config, outputs=2).eval()
    pixels = torch.randn(1, 3, config.side_px, config.side_px)
    save_weights(network.state_dict(), tmp_path / "network.safetensors", ["a", "b"])

    loaded = load_network(config, 2, tmp_path / "network.safetensors")

    with torch.inference_mode():
        assert torch.equal(network(pixels)[0], loaded(pixels)[0])


@pytest.mark.parametrize("config", [config for config, _ in BACKBONES])
def test_pictures_of_a_batch_do_not_mix(config: NetworkConfig) -> None:
    network = build_network(config, outputs=2).eval()
    torch.nn.init.normal_(network.head.weight)
    pixels = torch.randn(3, 3, config.side_px, config.side_px)

    with torch.inference_mode():
        together = network(pixels)
        alone = [network(one[None]) for one in pixels]

    for part in (0, 1):
        assert torch.allclose(together[part], torch.cat([one[part] for one in alone]), atol=1e-4)


@pytest.mark.parametrize("merged", [2, 4])
def test_only_neighbours_become_one(merged: Literal[2, 4]) -> None:
    """What is seen in one corner changes the merged place there and no other, before attention."""
    network = VisionTransformer(3, 96, merge_after=1, merged=merged).eval()
    for name, parameter in network.blocks.named_parameters():
        if name.split(".", 1)[1].startswith(("attn.proj.", "mlp.fc2.")):
            torch.nn.init.zeros_(parameter)  # blocks that add nothing
    pixels = torch.randn(1, 3, 96, 96)
    changed = pixels.clone()
    changed[:, :, :32, :16] += 1.0  # the upper two patches on the left

    with torch.inference_mode():
        before, after = network(pixels)[1], network(changed)[1]

    moved = (before != after).any(dim=1)[0]
    assert moved[0, 0]
    assert moved.sum() == 1


def test_places_that_are_dropped_are_others_each_time() -> None:
    network = build_network(NetworkConfig("vit_tiny", 96, merge_after=4), outputs=3).train()
    torch.nn.init.normal_(network.head.weight)
    pixels = torch.randn(1, 3, 96, 96)
    network.kept_share = 0.5

    with torch.inference_mode():
        half, other_half = network(pixels), network(pixels)

    assert half[1].shape[2] == 9  # of 3 x 6 places
    assert not torch.equal(half[0], other_half[0])


def test_only_the_last_layers_and_the_head_are_trained_where_the_recipe_says_so() -> None:
    network = build_network(NetworkConfig("mobilenet_v2", 64, trained_layers=10), outputs=3)

    trained = {network.layer_of(n) for n, p in network.named_parameters() if p.requires_grad}

    assert trained == {*range(network.depth - 9, network.depth + 1), network.depth + 1}


def test_mobilenet_takes_over_the_convolutions_of_an_onnx_file(tmp_path: Path) -> None:
    source = MobileNetV2(4)
    nodes, tensors = [], []
    for name, layer in source.backbone.named_modules():
        if isinstance(layer, torch.nn.Conv2d) and layer.bias is not None:
            nodes.append(helper.make_node("Conv", ["x", f"{name}.w", f"{name}.b"], ["x"]))
            for key, tensor in ((f"{name}.w", layer.weight), (f"{name}.b", layer.bias)):
                values = tensor.detach().flatten().tolist()
                tensors.append(
                    helper.make_tensor(key, TensorProto.FLOAT, list(tensor.shape), values)
                )
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", [], [], tensors)), tmp_path / "m")
    network = MobileNetV2(2)

    network.start_from(tmp_path / "m")

    pixels = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(network.features(pixels), source.features(pixels))
    onnx.save(helper.make_model(helper.make_graph(nodes[1:], "g", [], [], tensors)), tmp_path / "n")
    with pytest.raises(TrainingError, match="other shapes"):
        network.start_from(tmp_path / "n")


def test_a_file_that_is_no_onnx_is_refused(tmp_path: Path) -> None:
    (tmp_path / "initial.onnx").write_bytes(b"\xff\xff no ONNX")

    with pytest.raises(TrainingError, match="cannot be read as ONNX"):
        build_network(NetworkConfig("mobilenet_v2", 64), 3).start_from(tmp_path / "initial.onnx")


def test_weights_fit_a_network_for_another_size_of_picture() -> None:
    small = VisionTransformer(2, 64).eval()
    small.pos_embed.data.copy_(torch.randn_like(small.pos_embed))
    large, same = VisionTransformer(2, 96), VisionTransformer(2, 64)

    large.load_state_dict(small.state_dict())
    same.load_state_dict(small.state_dict())

    assert torch.equal(same.pos_embed, small.pos_embed)
    assert large.pos_embed.shape == (1, 1 + 6 * 6, 192)
    torch.testing.assert_close(large.pos_embed[:, 0], small.pos_embed[:, 0])
    with torch.inference_mode():
        assert large.eval()(torch.randn(1, 3, 96, 96))[0].shape == (1, 2)


def test_an_unknown_backbone_is_refused() -> None:
    with pytest.raises(TrainingError, match="vit_tiny, mobilenet_v2"):
        build_network(NetworkConfig("alexnet", 64), outputs=3)


@pytest.mark.skipif(importlib.util.find_spec("timm") is not None, reason="timm is installed")
def test_timm_is_named_where_it_is_missing() -> None:
    with pytest.raises(TrainingError, match="needs timm"):
        build_network(NetworkConfig("timm:resnet50", 64), outputs=3)


@pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason="timm is not installed")
@pytest.mark.parametrize("name", ["resnet50", "vgg16"])
def test_backbones_of_timm(name: str) -> None:
    network = build_network(NetworkConfig(f"timm:{name}", 64, trained_layers=1), outputs=3)

    logits, maps = network.eval()(torch.randn(2, 3, 64, 64))

    assert logits.shape == (2, 3)
    assert maps.shape[:2] == (2, 3)


@pytest.mark.skipif(importlib.util.find_spec("timm") is not None, reason="timm is installed")
def test_a_backbone_of_timm_sees_pictures_on_the_scale_of_its_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "timm.py").write_text(A_TIMM)
    monkeypatch.syspath_prepend(tmp_path)
    network = build_network(NetworkConfig("timm:plain", 64), outputs=3)
    del sys.modules["timm"]  # no other test is to find it
    picture = torch.rand(1, 3, 4, 4)

    assert isinstance(network, TimmNetwork)
    maps = network.features(picture * 2 - 1)

    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = (picture - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(maps, expected, atol=1e-5, rtol=1e-5)
    assert {*network.state_dict()} == {"head.weight", "head.bias"}  # files are as they were


def test_pretrained_weights_are_taken_over_and_fitted_to_the_size(tmp_path: Path) -> None:
    source = VisionTransformer(3, 224)
    torch.nn.init.normal_(source.pos_embed)
    tensors = {name: t for name, t in source.state_dict().items() if not name.startswith("head.")}
    save_file(tensors, tmp_path / "whole.safetensors")
    network = VisionTransformer(5, 96, merge_after=4)

    network.start_from(tmp_path / "whole.safetensors")

    loaded = network.state_dict()
    for name in ("blocks.3.attn.qkv.weight", "norm.bias", "patch_embed.proj.weight"):
        assert torch.equal(loaded[name], tensors[name])
    assert torch.equal(network.pos_embed[:, 0], source.pos_embed[:, 0])
    assert network.pos_embed.shape == (1, 37, 192)
    del tensors["norm.bias"]
    save_file(tensors, tmp_path / "part.safetensors")
    with pytest.raises(TrainingError, match=r"norm\.bias"):
        network.start_from(tmp_path / "part.safetensors")
