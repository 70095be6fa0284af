"""A recipe's ``[network]`` to a network."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch.nn.utils import convert_conv2d_weight_memory_format

from worksafe.errors import TrainingError
from worksafe.training.config import NetworkConfig
from worksafe.training.networks.base import ConvolutionalNetwork, HazardsNetwork
from worksafe.training.networks.mobilenet import MobileNetV2
from worksafe.training.networks.pretrained_timm import TimmNetwork
from worksafe.training.networks.vit import VisionTransformer


def build_network(config: NetworkConfig, outputs: int) -> HazardsNetwork:
    """Build the network that a recipe names, with weights of chance.

    Parameters
    ----------
    config : NetworkConfig
        Its ``backbone`` is ``vit_tiny``, ``mobilenet_v2``, or ``timm:`` and a name of timm.
    outputs : int
        Number of logits.

    Returns
    -------
    HazardsNetwork
        With the layers frozen that the recipe does not train.

    Raises
    ------
    TrainingError
        If the backbone is unknown.
    """
    family, _, name = config.backbone.partition(":")
    network: HazardsNetwork
    if family == "timm":
        network = TimmNetwork(name, outputs)
    elif config.backbone == "vit_tiny":
        network = VisionTransformer(
            outputs,
            config.side_px,
            merge_after=config.merge_after,
            merged=config.merged,
            pooling=config.pooling,
            drop_path=config.drop_path,
        )
    elif config.backbone == "mobilenet_v2":
        network = MobileNetV2(outputs)
    else:
        msg = f"unknown backbone {config.backbone!r}: vit_tiny, mobilenet_v2 or timm:<name>"
        raise TrainingError(msg)
    if config.trained_layers is not None:
        network.freeze_all_but(config.trained_layers)
    if isinstance(network, ConvolutionalNetwork):  # three fifths of the time on CPUs
        convert_conv2d_weight_memory_format(network, torch.channels_last)
    return network


def load_network(config: NetworkConfig, outputs: int, path: Path) -> HazardsNetwork:
    """Load the network that a run ended with.

    Parameters
    ----------
    config : NetworkConfig
        Of the run's recipe; of a ViT, the size may be another.
    outputs : int
        Number of logits.
    path : Path
        The run's ``network.safetensors``.

    Returns
    -------
    HazardsNetwork
        In evaluation mode.
    """
    network = build_network(config, outputs)
    network.load_state_dict(load_file(path))
    return network.eval()
