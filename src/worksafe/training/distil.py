"""Let a network learn from an earlier one, which sees the same pictures larger or in more detail.

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
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional

from worksafe.errors import TrainingError
from worksafe.training.config import TeacherConfig, TrainingConfig
from worksafe.training.networks.base import HEAD
from worksafe.training.networks.build import build_network
from worksafe.training.networks.vit import MERGE


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
        If the file is of another network, or lacks its head.
    """

    def __init__(self, config: TrainingConfig, teacher: TeacherConfig, weights: Path) -> None:
        with safe_open(weights, "pt") as file:
            names = set(file.keys())
        if f"{HEAD}weight" not in names:
            msg = f"{weights.name} has no head: a teacher is the network that a run ended with"
            raise TrainingError(msg)
        merge_after = config.network.merge_after if f"{MERGE}weight" in names else 0
        own = replace(config.network, side_px=teacher.side_px, merge_after=merge_after)
        self._network = build_network(own, len(config.labels.outputs))
        self._network.start_from(weights)
        self._network.eval()
        self._share = teacher.share
        self._side_px = config.network.side_px

    def teach(
        self, pixels: Tensor, values: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Turn a batch of the teacher's size into one that the network learns from.

        Where a label says nothing, the teacher alone does.

        Parameters
        ----------
        pixels : Tensor, shape (batch, 3, side, side)
            Pictures at the teacher's size.
        values, weights : Tensor, shape (batch, outputs)
            The truth (0 or 1), and its weight (0 where unknown).

        Returns
        -------
        pixels, values, weights : Tensor
            The pictures at the learning network's size; targets in [0, 1] and their weights.
        """
        with torch.no_grad():
            scores = self._network(pixels)[0].sigmoid()
        side = (self._side_px, self._side_px)
        known = weights > 0
        return (
            functional.interpolate(pixels, side, mode="bilinear", antialias=True),
            torch.where(known, values.lerp(scores, self._share), scores),
            torch.where(known, weights, self._share),
        )
