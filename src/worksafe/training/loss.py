"""How far a network is from the labels."""

from torch import Tensor
from torch.nn import functional


def masked_loss(logits: Tensor, values: Tensor, weights: Tensor) -> Tensor:
    """Binary cross-entropy over the known targets only.

    Parameters
    ----------
    logits, values, weights : Tensor, shape (batch, outputs)
        The network's answer, the truth (0 or 1) and its weight (0 where unknown).

    Returns
    -------
    Tensor
        A scalar: the sum over outputs, averaged over the pictures.
    """
    losses = functional.binary_cross_entropy_with_logits(logits, values, reduction="none")
    return (losses * weights).sum(dim=1).mean()
