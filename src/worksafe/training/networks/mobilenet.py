"""MobileNetV2, with batch normalisation folded into its convolutions.

References
----------
.. [1] Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018.
"""

from pathlib import Path

import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from worksafe.errors import TrainingError
from worksafe.training.networks.base import ConvolutionalNetwork

CHANNELS = 1280
# Expansion, output channels, repeats and first stride of each stage: table 2 of the paper.
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
           (6, 160, 3, 2), (6, 320, 1, 1))  # fmt: skip


class Conv(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME is, for sides that the stride divides.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    kernel, stride, groups : int
        As torch has them.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1
    ) -> None:
        same = kernel // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride, same, groups=groups)

    def forward(self, maps: Tensor) -> Tensor:
        """Convolve, (batch, inputs, rows, columns)."""
        return super().forward(functional.pad(maps, (0, 1, 0, 1)) if self.stride[0] > 1 else maps)


class InvertedResidual(nn.Module):
    """Expand, filter each channel by itself, project; add the input where shapes allow.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    expansion, stride : int
        Of the hidden channels, and of the filter.
    """

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [Conv(inputs, hidden), nn.ReLU6()]
        layers += [Conv(hidden, hidden, 3, stride, hidden), nn.ReLU6(), Conv(hidden, outputs)]
        self.branch = nn.Sequential(*layers)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, maps: Tensor) -> Tensor:
        """Transform a feature map."""
        branch: Tensor = self.branch(maps)
        return maps + branch if self.adds else branch


class MobileNetV2(ConvolutionalNetwork):
    """MobileNetV2 1.0 with our head.

    Parameters
    ----------
    outputs : int
        Number of logits.
    """

    def __init__(self, outputs: int) -> None:
        super().__init__(outputs, CHANNELS)
        layers: list[nn.Module] = [Conv(3, 32, 3, 2), nn.ReLU6()]
        channels = 32
        for expansion, width, repeats, stride in _STAGES:
            for position in range(repeats):
                first = stride if position == 0 else 1
                layers.append(InvertedResidual(channels, width, expansion, first))
                channels = width
        self.backbone = nn.Sequential(*layers, Conv(channels, CHANNELS), nn.ReLU6())
        convolutions = [
            name for name, layer in self.backbone.named_modules() if isinstance(layer, Conv)
        ]
        self.depth = len(convolutions)
        self._layers = {f"backbone.{name}": i for i, name in enumerate(convolutions, 1)}

    def features(self, pixels: Tensor) -> Tensor:
        """Return the last feature map, (batch, 1280, side / 32, side / 32)."""
        maps: Tensor = self.backbone(pixels)
        return maps

    def layer_of(self, name: str) -> int:
        """Count convolutions."""
        return self._layers.get(name.rpartition(".")[0], self.depth + 1)

    def start_from(self, path: Path) -> None:
        """Take over an ONNX file whose convolutions come in the order of the paper."""
        try:
            graph = onnx.load(str(path)).graph
        except (OSError, DecodeError) as error:
            msg = f"{path} cannot be read as ONNX: {error}"
            raise TrainingError(msg) from error
        tensors = {t.name: torch.tensor(numpy_helper.to_array(t)) for t in graph.initializer}
        sources = [node.input for node in graph.node if node.op_type == "Conv"]
        own = [layer for layer in self.backbone.modules() if isinstance(layer, Conv)]
        if [layer.weight.shape for layer in own] != [tensors[s[1]].shape for s in sources]:
            msg = f"{path.name} holds no MobileNetV2 1.0: its convolutions have other shapes"
            raise TrainingError(msg)
        with torch.no_grad():
            for layer, (_, weight, bias) in zip(own, sources, strict=True):
                layer.weight.copy_(tensors[weight])
                assert layer.bias is not None  # noqa: S101 - for the type checker
                layer.bias.copy_(tensors[bias])
