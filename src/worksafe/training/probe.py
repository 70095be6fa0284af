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

from worksafe.evaluation.datasets import Example
from worksafe.training.config import TrainingConfig
from worksafe.training.data import in_batches, targets
from worksafe.training.networks.base import FIRST_BIAS, HazardsNetwork
from worksafe.training.networks.build import build_network
from worksafe.training.networks.vit import WIDTH, VisionTransformer
from worksafe.training.precision import fast_precision

SIDE_PX = 224  # what the pretrained weights were trained at
INVERSE_PENALTY = 0.002

Floats = NDArray[np.float32]
Seen = dict[Path, Floats]


def frozen_features(examples: Sequence[Example], initial: Path) -> Seen:
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
    seen = describe(network, examples, SIDE_PX)
    return {path: row[:WIDTH] for path, row in seen.items()}


def describe(network: HazardsNetwork, examples: Sequence[Example], side_px: int) -> Seen:
    """Compute what a network's head is applied to, whole pictures.

    Parameters
    ----------
    network : HazardsNetwork
        Left as it is.
    examples : sequence of Example
        The pictures.
    side_px : int
        Side of the network's input, in pixels.

    Returns
    -------
    dict of Path to ndarray of float32, shape (inputs of the head,)
        By picture.
    """
    was_training = network.training
    network.eval()
    with torch.inference_mode(), fast_precision():
        rows = [
            network.summary(pixels).float().numpy().copy()
            for pixels in in_batches(examples, side_px)
        ]
    network.train(was_training)
    return dict(zip((example.path for example in examples), np.concatenate(rows), strict=True))


def probe(
    config: TrainingConfig,
    features: Seen,
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


def describe_as_exported(
    network: HazardsNetwork, config: TrainingConfig, examples: Sequence[Example]
) -> Seen:
    """Compute what a network's head is applied to, at the size that the recipe exports.

    Parameters
    ----------
    network : HazardsNetwork
        Of the recipe, at the size that it is trained at. Left as it is.
    config : TrainingConfig
        The recipe.
    examples : sequence of Example
        The pictures; whole, unchanged.

    Returns
    -------
    dict of Path to ndarray of float32, shape (inputs of the head,)
        By picture.
    """
    at_size = config.exported_network
    exported = build_network(at_size, len(config.labels.outputs))
    exported.load_state_dict(network.state_dict())
    return describe(exported, examples, at_size.side_px)


def start_head(
    network: HazardsNetwork, config: TrainingConfig, learning: Sequence[Example], seen: Seen
) -> None:
    """Set the head to a logistic regression on what the backbone sees.

    Parameters
    ----------
    network : HazardsNetwork
        Its head is changed, and nothing else.
    config : TrainingConfig
        Its outputs, and what is known about each.
    learning : sequence of Example
        To fit on.
    seen : dict of Path to ndarray
        What the backbone sees in them, from `describe_as_exported`.
    """
    inputs = np.stack([seen[one.path] for one in learning])
    weights, biases = _fit(config, inputs, learning, network.trust.numpy())
    with torch.no_grad():
        network.head.weight.copy_(torch.from_numpy(weights))
        network.head.bias.copy_(torch.from_numpy(biases))


def _fit(
    config: TrainingConfig, inputs: Floats, learning: Sequence[Example], trust: Floats | float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights, (outputs, inputs), and biases, (outputs,), of one regression for each output.

    An input that is trusted less pays a larger penalty for the same weight.
    """
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
        scaled = scaler.fit_transform(inputs[known]) * trust
        model = LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=2000)
        model.fit(scaled, value[known], sample_weight=share[known])
        weights[output] = model.coef_[0] * trust / scaler.scale_
        biases[output] = model.intercept_[0] - weights[output] @ scaler.mean_
    return weights, biases
