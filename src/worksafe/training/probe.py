"""One logistic regression per output on what a network sees, nothing else trained.

On frozen ImageNet features it is the yardstick of a recipe: a network that does not clearly beat
it has learnt little from the pictures. On a network's own features it is where its head starts.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader

from worksafe.evaluation.datasets import Example
from worksafe.training.config import TrainingConfig
from worksafe.training.data import LOADER_PROCESSES, PREDICTION_BATCH, Pictures, targets
from worksafe.training.networks.base import FIRST_BIAS, HazardsNetwork
from worksafe.training.networks.vit import WIDTH, VisionTransformer

SIDE_PX = 224  # what the pretrained weights were trained at
INVERSE_PENALTY = 0.01

Floats = NDArray[np.float32]


def frozen_features(examples: Sequence[Example], initial: Path) -> dict[Path, Floats]:
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
    network = VisionTransformer(1, SIDE_PX)
    network.start_from(initial)
    return {
        example.path: row[:WIDTH]
        for example, row in zip(examples, _summaries(network, examples, SIDE_PX), strict=True)
    }


def probe(
    config: TrainingConfig,
    features: dict[Path, Floats],
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
    weights, biases = _fit(config, np.stack([features[one.path] for one in learning]), learning)
    return np.stack([features[one.path] for one in held]) @ weights.T + biases


def start_head(
    network: HazardsNetwork, config: TrainingConfig, learning: Sequence[Example]
) -> None:
    """Set the head to a logistic regression on what the backbone sees.

    Parameters
    ----------
    network : HazardsNetwork
        Its head is changed, and nothing else.
    config : TrainingConfig
        Its outputs, and what is known about each.
    learning : sequence of Example
        To fit on; whole pictures, unchanged.
    """
    seen = _summaries(network, learning, config.network.side_px)
    weights, biases = _fit(config, seen, learning)
    with torch.no_grad():
        network.head.weight.copy_(torch.from_numpy(weights))
        network.head.bias.copy_(torch.from_numpy(biases))


def _summaries(network: HazardsNetwork, examples: Sequence[Example], side_px: int) -> Floats:
    """Describe whole pictures by what the head is applied to, (examples, inputs)."""
    was_training = network.training
    network.eval()
    loader = DataLoader(
        Pictures(examples, side_px), batch_size=PREDICTION_BATCH, num_workers=LOADER_PROCESSES
    )
    with torch.inference_mode():
        rows = [network.summary(pixels).numpy().copy() for pixels in loader]
    network.train(was_training)
    return np.concatenate(rows)


def _fit(
    config: TrainingConfig, inputs: Floats, learning: Sequence[Example]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights, (outputs, inputs), and biases, (outputs,), of one regression for each output."""
    wanted = [targets(example, config.labels, config.sampling) for example in learning]
    values = np.stack([value for value, _ in wanted]) > 0
    shares = np.stack([weight for _, weight in wanted])
    weights = np.zeros((values.shape[1], inputs.shape[1]))
    biases = np.full(values.shape[1], FIRST_BIAS)
    for output, (value, share) in enumerate(zip(values.T, shares.T, strict=True)):
        known = share > 0
        if not value[known].any():
            continue  # nothing to fit: no picture shows it
        scaler = StandardScaler()
        scaled = scaler.fit_transform(inputs[known])
        model = LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=2000)
        model.fit(scaled, value[known], sample_weight=share[known])
        weights[output] = model.coef_[0] / scaler.scale_
        biases[output] = model.intercept_[0] - weights[output] @ scaler.mean_
    return weights, biases
