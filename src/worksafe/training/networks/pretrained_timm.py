"""Any convolutional backbone of timm, where timm is installed: teachers and comparisons.

References
----------
.. [1] Wightman, "PyTorch Image Models", https://github.com/huggingface/pytorch-image-models.
"""

import importlib
import importlib.util
from pathlib import Path

import torch
from torch import Tensor

from worksafe.errors import TrainingError
from worksafe.training.networks.base import ConvolutionalNetwork, read_tensors


class TimmNetwork(ConvolutionalNetwork):
    """A backbone of timm with our head.

    Parameters
    ----------
    name : str
        As timm has it: resnet50, vgg16, convnext_tiny and so on.
    outputs : int
        Number of logits.

    Raises
    ------
    TrainingError
        If timm is not installed, or does not know the name.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, name: str, outputs: int) -> None:
        if importlib.util.find_spec("timm") is None:
            msg = f"the backbone timm:{name} needs timm: pip install timm"
            raise TrainingError(msg)
        timm = importlib.import_module("timm")
        if not timm.is_model(name):
            msg = f"timm knows no backbone {name!r}"
            raise TrainingError(msg)
        backbone = timm.create_model(name, pretrained=False, num_classes=0, global_pool="")
        super().__init__(outputs, backbone.num_features)
        self.backbone = backbone
        mean, std = (torch.tensor(backbone.pretrained_cfg[key]) for key in ("mean", "std"))
        self.register_buffer("scale", (0.5 / std)[:, None, None], persistent=False)
        self.register_buffer("shift", ((0.5 - mean) / std)[:, None, None], persistent=False)
        parts = [part for part, child in backbone.named_children() if [*child.parameters()]]
        self.depth = len(parts)
        self._layers = {part: i for i, part in enumerate(parts, 1)}

    def features(self, pixels: Tensor) -> Tensor:
        """Return the last feature map; pictures come as x / 127.5 - 1, and are scaled as timm's."""
        maps: Tensor = self.backbone.forward_features(pixels * self.scale + self.shift)
        return maps

    def layer_of(self, name: str) -> int:
        """Count the backbone's direct parts (stages)."""
        return self._layers.get(name.removeprefix("backbone.").partition(".")[0], self.depth + 1)

    def start_from(self, path: Path) -> None:
        """Take over a safetensors file with timm's names."""
        missing, _ = self.backbone.load_state_dict(read_tensors(path), strict=False)
        if missing:
            msg = f"{path.name} lacks {missing[:3]} and {len(missing)} tensors in all"
            raise TrainingError(msg)
