"""What the training loop and the export ask of every network."""

from abc import ABC, abstractmethod
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from worksafe.errors import TrainingError

HEAD = "head."
FIRST_BIAS = -2.0  # most outputs are negative for most pictures


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file; raises TrainingError where it is none."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        msg = f"{path} cannot be read as safetensors: {error}"
        raise TrainingError(msg) from error


class HazardsNetwork(nn.Module, ABC):
    """A backbone with one logit per output, and a map per logit.

    Attributes
    ----------
    depth : int
        Number of layers below the head. Layer 1 is nearest to the pixels.
    kept_share : float
        Share of places that a training step looks at, where the network knows how; else without
        effect.
    """

    depth: int
    head: nn.Linear
    kept_share: float = 1.0

    @abstractmethod
    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Score pictures.

        Parameters
        ----------
        pixels : Tensor of float32, shape (batch, 3, side, side)
            Normalised RGB planes.

        Returns
        -------
        logits : Tensor, shape (batch, outputs)
        maps : Tensor, shape (batch, outputs, rows, columns)
            How much each place speaks for each logit; higher is more.
        """

    @abstractmethod
    def summary(self, pixels: Tensor) -> Tensor:
        """Describe pictures by what the head is applied to, (batch, inputs of the head).

        Where places are pooled by their mean, ``head(summary(pixels))`` are the logits.
        """

    @property
    def trust(self) -> Tensor:
        """How far a regression may lean on each number of the summary, in [0, 1]."""
        return torch.ones(self.head.in_features)

    @abstractmethod
    def layer_of(self, name: str) -> int:
        """Return how deep a parameter lies: 1 to `depth`, and `depth` + 1 for the head."""

    @abstractmethod
    def start_from(self, path: Path) -> None:
        """Take over pretrained weights: all but the head, which stays where the file has none.

        Parameters
        ----------
        path : Path
            A file in the format that this backbone's weights are published in.

        Raises
        ------
        TrainingError
            If the file lacks a tensor of the backbone.
        """

    def freeze_all_but(self, layers: int) -> None:
        """Train the last layers and the head only."""
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(self.layer_of(name) > self.depth - layers)


class ConvolutionalNetwork(HazardsNetwork):
    """A head on the last feature map of a convolutional backbone: class activation maps.

    Parameters
    ----------
    outputs : int
        Number of logits.
    channels : int
        Of the last feature map.

    References
    ----------
    .. [1] Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016.
    """

    def __init__(self, outputs: int, channels: int) -> None:
        super().__init__()
        self.head = nn.Linear(channels, outputs)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.constant_(self.head.bias, FIRST_BIAS)

    @abstractmethod
    def features(self, pixels: Tensor) -> Tensor:
        """Return the last feature map, (batch, channels, rows, columns)."""

    def summary(self, pixels: Tensor) -> Tensor:
        """Return the mean of the last feature map, (batch, channels)."""
        return self.features(pixels).mean(dim=(2, 3))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Score pictures: a logit is the mean of its map, and the bias."""
        maps = functional.conv2d(self.features(pixels), self.head.weight[:, :, None, None])
        return maps.mean(dim=(2, 3)) + self.head.bias, maps
