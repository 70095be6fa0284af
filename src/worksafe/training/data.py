"""Labelled pictures into tensors: which are drawn, how they are changed, what they must score."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from worksafe.evaluation.datasets import NEUTRAL, Example, read_pixels
from worksafe.images.resize import RgbImage, normalise, resize_image
from worksafe.results import category_of
from worksafe.training.augment import augment, lay_on
from worksafe.training.config import LabelsConfig, SamplingConfig

# The pretrained weights' own input scale: x / 127.5 - 1.
MEAN = (0.5, 0.5, 0.5)
STD = (0.5, 0.5, 0.5)

LOADER_PROCESSES = 2
_BATCH = 16  # of what is only looked at; larger ones do not fit into caches

Floats = NDArray[np.float32]


def draw_examples(
    examples: Sequence[Example], sampling: SamplingConfig, count: int, seed: int
) -> NDArray[np.int64]:
    """Draw a training run's pictures, balanced by label and by source within each label.

    Parameters
    ----------
    examples : sequence of Example
        To draw from; some are neutral, and some are not.
    sampling : SamplingConfig
        The balance.
    count : int
        How many to draw, with replacement.
    seed : int
        The same seed draws the same.

    Returns
    -------
    ndarray of int, shape (count,)
        Indices into `examples`.
    """
    pools: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, example in enumerate(examples):
        pools[example.label][example.source].append(index)
    shares = np.zeros(len(examples))
    labels = [label for label in pools if label]
    for label, share in zip(
        labels,
        _shares([_size(pools[label]) for label in labels], sampling.label_power),
        strict=True,
    ):
        _spread(shares, pools[label], share * (1 - sampling.neutral_share), sampling.source_power)
    _spread(shares, pools[""], sampling.neutral_share, sampling.source_power)
    return np.random.default_rng(seed).choice(len(examples), size=count, p=shares)


def _size(pool: dict[str, list[int]]) -> int:
    return sum(len(indices) for indices in pool.values())


def _shares(sizes: Sequence[int], power: float) -> NDArray[np.float64]:
    weights = np.asarray(sizes, dtype=np.float64) ** power
    total: NDArray[np.float64] = weights / weights.sum()
    return total


def _spread(
    shares: NDArray[np.float64], pool: dict[str, list[int]], total: float, power: float
) -> None:
    parts = _shares([len(indices) for indices in pool.values()], power)
    for indices, part in zip(pool.values(), parts, strict=True):
        shares[indices] = total * part / len(indices)


def targets(
    example: Example, labels: LabelsConfig, sampling: SamplingConfig
) -> tuple[Floats, Floats]:
    """Say what the network should answer for a picture, and how sure that is.

    A picture labelled for one category says nothing about the other; a neutral one is negative
    for everything. Within its category, labels that are often seen together are left open.

    Parameters
    ----------
    example : Example
        A labelled picture.
    labels : LabelsConfig
        The outputs, and what one says about another.
    sampling : SamplingConfig
        The weights of doubtful targets.

    Returns
    -------
    values : ndarray of float32, shape (outputs,)
        1 for present, 0 for absent.
    weights : ndarray of float32, shape (outputs,)
        Of each output in the loss; 0 where nothing is known.
    """
    outputs = labels.outputs
    values = np.zeros(len(outputs), dtype=np.float32)
    weights = np.zeros(len(outputs), dtype=np.float32)
    for index, output in enumerate(outputs):
        values[index], weights[index] = _target(example, output, labels, sampling.sibling_weight)
    return values, weights * (sampling.weak_weight if example.weak else 1.0)


def _target(
    example: Example, output: str, labels: LabelsConfig, sibling_weight: float
) -> tuple[float, float]:
    """Value and weight of one output."""
    if example.category == NEUTRAL:
        return 0.0, 1.0
    if category_of(output) != example.category:
        return 0.0, 0.0
    if output == example.category:  # the category itself
        counts = example.label not in labels.reported_only
        return (1.0, 1.0) if counts else (0.0, sibling_weight)
    if output == example.label:
        return 1.0, 1.0
    pair = {(output, example.label), (example.label, output)}
    return 0.0, 0.0 if pair & set(labels.together) else sibling_weight


def to_tensor(image: RgbImage, side_px: int) -> Tensor:
    """Squeeze the whole picture into a square, as serving does; (3, side, side)."""
    return torch.from_numpy(normalise(resize_image(image, side_px, side_px), MEAN, STD)[0])


class TrainingPictures(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Drawn and augmented pictures, each with its targets and their weights.

    Item i depends on the seed and on i alone, so an interrupted run resumes where it stopped.

    Parameters
    ----------
    examples : sequence of Example
        To draw from.
    drawn : ndarray of int, shape (n,)
        Indices into `examples`, in the order of training.
    labels, sampling : LabelsConfig, SamplingConfig
        Make the targets.
    side_px : int
        Side of the square, in pixels.
    seed : int
        Of the augmentation.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        drawn: NDArray[np.int64],
        labels: LabelsConfig,
        sampling: SamplingConfig,
        *,
        side_px: int,
        seed: int,
    ) -> None:
        self._examples = examples
        self._drawn = drawn
        self._targets = [targets(example, labels, sampling) for example in examples]
        self._neutral = np.flatnonzero([one.category == NEUTRAL for one in examples])
        self._collage = sampling.collage
        self._side_px = side_px
        self._seed = seed

    def __len__(self) -> int:
        """Count the draws."""
        return len(self._drawn)

    def __getitem__(self, position: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the picture (3, side, side), its targets and their weights (outputs,)."""
        index = int(self._drawn[position])
        rng = np.random.default_rng((self._seed, position))
        image = self._read(index)
        if self._collage and rng.random() < self._collage:
            image = lay_on(image, self._read(int(rng.choice(self._neutral))), rng)
        image = augment(image, rng)
        values, weights = self._targets[index]
        return (
            to_tensor(image, self._side_px),
            torch.from_numpy(values),
            torch.from_numpy(weights),
        )

    def _read(self, index: int) -> RgbImage:
        return read_pixels(self._examples[index], 2 * self._side_px)


class Pictures(Dataset[Tensor]):
    """Pictures as they are, in order.

    Parameters
    ----------
    examples : sequence of Example
        The pictures.
    side_px : int
        Side of the square, in pixels.
    """

    def __init__(self, examples: Sequence[Example], side_px: int) -> None:
        self._examples = examples
        self._side_px = side_px

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self._examples)

    def __getitem__(self, position: int) -> Tensor:
        """Return the picture, (3, side, side)."""
        return to_tensor(read_pixels(self._examples[position], 2 * self._side_px), self._side_px)


def in_batches(examples: Sequence[Example], side_px: int) -> DataLoader[Tensor]:
    """Read pictures as they are, in order; (batch, 3, side, side) each time."""
    return DataLoader(Pictures(examples, side_px), batch_size=_BATCH, num_workers=LOADER_PROCESSES)
