"""The yardstick of a recipe: frozen ImageNet features and one logistic regression per output.

A network that does not clearly beat it has learnt little from the pictures.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader

from worksafe.evaluation.datasets import Example
from worksafe.training.config import TrainingConfig
from worksafe.training.data import Pictures, targets
from worksafe.training.networks.vit import VisionTransformer
from worksafe.training.train import LOADER_PROCESSES, VALIDATION_BATCH

SIDE_PX = 224  # what the pretrained weights were trained at
INVERSE_PENALTY = 0.01


def frozen_features(examples: Sequence[Example], initial: Path) -> dict[Path, NDArray[np.float32]]:
    """Compute the class token of the pretrained ViT-Tiny, whole pictures, nothing trained.

    Parameters
    ----------
    examples : sequence of Example
        The pictures.
    initial : Path
        Pretrained weights.

    Returns
    -------
    dict of Path to ndarray of float32, shape (width,)
        By picture.
    """
    network = VisionTransformer(1, SIDE_PX).eval()
    network.start_from(initial)
    loader = DataLoader(
        Pictures(examples, SIDE_PX), batch_size=VALIDATION_BATCH, num_workers=LOADER_PROCESSES
    )
    with torch.inference_mode():
        rows = np.concatenate([network.tokens(pixels)[:, 0].numpy().copy() for pixels in loader])
    return {example.path: row for example, row in zip(examples, rows, strict=True)}


def probe(
    config: TrainingConfig,
    features: dict[Path, NDArray[np.float32]],
    learning: Sequence[Example],
    held: Sequence[Example],
) -> NDArray[np.float64]:
    """Fit each output on some pictures and score others.

    Parameters
    ----------
    config : TrainingConfig
        Its outputs, and what is known about each: the same masks and weights as in training.
    features : dict of Path to ndarray
        From `frozen_features`.
    learning, held : sequence of Example
        To fit on, and to score.

    Returns
    -------
    ndarray of float64, shape (held, outputs)
        Logits.
    """
    inputs = np.stack([features[example.path] for example in learning])
    wanted = [targets(example, config.labels, config.sampling) for example in learning]
    values = np.stack([value for value, _ in wanted])
    weights = np.stack([weight for _, weight in wanted])
    others = np.stack([features[example.path] for example in held])
    columns = []
    for value, weight in zip(values.T, weights.T, strict=True):
        known = weight > 0
        model = make_pipeline(
            StandardScaler(),
            LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=2000),
        )
        model.fit(inputs[known], value[known] > 0, logisticregression__sample_weight=weight[known])
        columns.append(model.decision_function(others))
    return np.stack(columns, axis=1)
