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
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from worksafe.errors import TrainingError
from worksafe.training.config import LabelsConfig
from worksafe.training.files import write_whole
from worksafe.training.networks.base import HazardsNetwork, read_tensors

_OURS = {"trained_by": "worksafe"}
_OUTPUTS = "outputs"


def mix(
    network: HazardsNetwork, others: Sequence[Path], start: Path, start_share: float
) -> HazardsNetwork:
    """Return the mean of a network and those of other runs, moved towards the start.

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
        for name, tensor in mixed.state_dict().items():  # statistics of batch normalisation, too
            if tensor.is_floating_point():
                tensor.copy_(mean[name].lerp(beginning[name], start_share))
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


def refuse_other_labels(labels: LabelsConfig, files: Sequence[Path]) -> None:
    """Refuse networks whose outputs would be taken for a recipe's, and stand for something else.

    Of a network with more or fewer outputs no head is taken over.

    Parameters
    ----------
    labels : LabelsConfig
        The recipe's.
    files : sequence of Path
        Weights of networks; what does not say its outputs is not refused.

    Raises
    ------
    TrainingError
        Naming the first file that cannot be read, or is of other labels.
    """
    for path in files:
        found = [name for name in _read_notes(path).get(_OUTPUTS, "").split(",") if name]
        pairs = zip(found, labels.outputs, strict=False)
        other = next((pair for pair in pairs if pair[0] != pair[1]), None)
        if len(found) == len(labels.outputs) and other:
            msg = f"{path} is of other labels: its {other[0]} would be taken for {other[1]}"
            raise TrainingError(msg)


def save_weights(weights: dict[str, Tensor], path: Path, outputs: Sequence[str]) -> None:
    """Write a safetensors file that names its outputs; one not complete never has its name."""
    with write_whole(path) as unfinished:
        whole = {name: values.contiguous() for name, values in weights.items()}
        save_file(whole, unfinished, {**_OURS, _OUTPUTS: ",".join(outputs)})


def is_trained_here(path: Path) -> bool:
    """Return whether a file holds what a run of ours has learnt, and not pretrained weights.

    Parameters
    ----------
    path : Path
        Weights; of another format none are ours.

    Returns
    -------
    bool

    Raises
    ------
    TrainingError
        If a safetensors file cannot be read.
    """
    return _read_notes(path).items() >= _OURS.items()


def _read_notes(path: Path) -> dict[str, str]:
    """Read what is written beside the tensors of a safetensors file; nothing of another file."""
    if path.suffix != ".safetensors":
        return {}
    try:
        with safe_open(path, "pt") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError) as error:
        msg = f"{path} cannot be read as safetensors: {error}"
        raise TrainingError(msg) from error
