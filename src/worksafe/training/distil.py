"""Distillation: a network learns from an earlier one that sees the same pictures larger.

References
----------
.. [1] Hinton et al., "Distilling the Knowledge in a Neural Network", 2015.
.. [2] Touvron et al., "Fixing the train-test resolution discrepancy", NeurIPS 2019: why a trained
   network sees more at a larger size than it was trained at.
.. [3] Beyer et al., "Knowledge distillation: A good teacher is patient and consistent", CVPR 2022:
   both look at the same crop.
"""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from worksafe.errors import TrainingError
from worksafe.training.config import TeacherConfig, TrainingConfig
from worksafe.training.loss import masked_loss
from worksafe.training.networks.base import HEAD, HazardsNetwork, read_tensors
from worksafe.training.networks.build import build_network
from worksafe.training.networks.vit import MERGE, VisionTransformer

_HEAD_WEIGHT, _MERGE_WEIGHT = f"{HEAD}weight", f"{MERGE}weight"


class Teacher:
    """The network that a run starts from, at an input of its own and as it was trained.

    Parameters
    ----------
    config : TrainingConfig
        The recipe. Its network is the teacher's, but for the size, and for merged places where
        the file has none.
    teacher : TeacherConfig
        The recipe's ``[teacher]``.
    weights : Path
        The network of an earlier run, head included.

    Raises
    ------
    TrainingError
        If the file is of another network or of other outputs, or lacks its head.
    """

    def __init__(self, config: TrainingConfig, teacher: TeacherConfig, weights: Path) -> None:
        shapes = {name: tensor.shape for name, tensor in read_tensors(weights).items()}
        if _HEAD_WEIGHT not in shapes:
            msg = f"{weights.name} has no head: a teacher is the network that a run ended with"
            raise TrainingError(msg)
        merge_after = config.network.merge_after if _MERGE_WEIGHT in shapes else 0
        own = replace(config.network, side_px=teacher.side_px, merge_after=merge_after)
        network = build_network(own, len(config.labels.outputs))
        assert isinstance(network, VisionTransformer)  # noqa: S101 - as recipes have it
        expected = network.state_dict()
        for name in (_HEAD_WEIGHT, _MERGE_WEIGHT):  # what it could start without
            if name in expected and expected[name].shape != shapes[name]:
                msg = f"{weights.name} cannot teach: its {name} is of other outputs or merging"
                raise TrainingError(msg)
        network.start_from(weights)
        self._network = network.eval()
        self._config = teacher
        self._student_size = (config.network.side_px, config.network.side_px)

    def loss(
        self, student: HazardsNetwork, pixels: Tensor, values: Tensor, weights: Tensor
    ) -> Tensor:
        """Compare a network with the labels and with this teacher.

        Where a label says nothing, the teacher alone does.

        Parameters
        ----------
        student : HazardsNetwork
            The network that learns; a ViT, too.
        pixels : Tensor, shape (batch, 3, side, side)
            Pictures at the teacher's size.
        values, weights : Tensor, shape (batch, outputs)
            The truth (0 or 1), and its weight (0 where unknown).

        Returns
        -------
        Tensor
            A scalar: the loss by scores, and that by features.
        """
        assert isinstance(student, VisionTransformer)  # noqa: S101 - as the teacher is
        with torch.no_grad():
            seen = self._network.tokens(pixels)
            scores = self._network.read(seen)[0].float().sigmoid()
        tokens = student.tokens(
            functional.interpolate(pixels, self._student_size, mode="bilinear", antialias=True)
        )
        known = weights > 0
        aims = torch.where(known, values.lerp(scores, self._config.share), scores)
        weighed = torch.where(known, weights, self._config.share)
        loss = masked_loss(student.read(tokens)[0], aims, weighed)
        if self._config.features == 0:
            return loss
        grid = (self._network.rows, self._network.columns)
        alike = pool_places(seen, grid, (student.rows, student.columns))
        return loss + self._config.features * functional.mse_loss(tokens, alike)


def pool_places(tokens: Tensor, grid: tuple[int, int], smaller: tuple[int, int]) -> Tensor:
    """Average neighbouring places down to a smaller grid; the class token stays.

    Parameters
    ----------
    tokens : Tensor, shape (batch, 1 + rows * columns, width)
        The class token, then the places.
    grid, smaller : tuple of int
        Rows and columns, as they are and as they are wanted.

    Returns
    -------
    Tensor, shape (batch, 1 + fewer rows * fewer columns, width)
    """
    places = tokens[:, 1:].transpose(1, 2).unflatten(2, grid)
    pooled = functional.adaptive_avg_pool2d(places, smaller)
    return torch.cat([tokens[:, :1], pooled.flatten(2).transpose(1, 2)], dim=1)
