"""Means of networks' weights: runs that began alike lie in one valley, and its middle is better.

References
----------
.. [1] Wortsman et al., "Model soups", ICML 2022.
.. [2] Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022: the way back to the
   start.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from worksafe.errors import TrainingError
from worksafe.training.files import write_whole
from worksafe.training.networks.base import HazardsNetwork, read_tensors

_OURS = {"trained_by": "worksafe"}


def mix(
    network: HazardsNetwork, others: Sequence[Path], start: Path, start_share: float
) -> HazardsNetwork:
    """Give the mean of a network and those of other runs, moved towards the start.

    Parameters
    ----------
    network : HazardsNetwork
        Left as it is.
    others : sequence of Path
        Weights of networks of the same shape.
    start : Path
        Weights that training began with.
    start_share : float
        How far to move, in [0, 1].

    Returns
    -------
    HazardsNetwork
        In the mode that `network` is in.
    """
    mixed = deepcopy(network)
    mean = mean_weights([network.state_dict(), *map(load_file, others)])
    beginning = load_file(start)
    with torch.no_grad():
        for name, parameter in mixed.named_parameters():
            parameter.copy_(mean[name].lerp(beginning[name], start_share))
    return mixed


def refuse_other_shapes(network: HazardsNetwork, others: Sequence[Path]) -> None:
    """Refuse weights that cannot be averaged with a network's.

    Parameters
    ----------
    network : HazardsNetwork
        Whose shape they must have.
    others : sequence of Path
        Weights of networks.

    Raises
    ------
    TrainingError
        Naming the first file that cannot be read, or is of another shape.
    """
    wanted = {name: tensor.shape for name, tensor in network.state_dict().items()}
    for path in others:
        found = {name: tensor.shape for name, tensor in read_tensors(path).items()}
        if found != wanted:
            msg = f"{path} is of a network of another shape: it cannot be averaged with this one"
            raise TrainingError(msg)


def mean_weights(several: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Average networks of one shape, tensor by tensor."""
    return {
        name: torch.stack([weights[name].float() for weights in several]).mean(dim=0)
        for name in several[0]
    }


def save_weights(weights: dict[str, Tensor], path: Path) -> None:
    """Write a safetensors file; one that is not complete never has its name."""
    with write_whole(path) as unfinished:
        whole = {name: values.contiguous() for name, values in weights.items()}
        save_file(whole, unfinished, _OURS)


def is_trained_here(path: Path) -> bool:
    """Tell whether a file holds what a run of ours has learnt, and not pretrained weights."""
    if path.suffix != ".safetensors":
        return False
    with safe_open(path, "pt") as file:
        return (file.metadata() or {}).items() >= _OURS.items()
