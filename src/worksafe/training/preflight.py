"""What would stop or spoil a training hours later, found before it begins."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from torch import nn

from worksafe.errors import DatasetError, TrainingError
from worksafe.evaluation.datasets import NEUTRAL, Example, choose_split, read_pixels
from worksafe.training.config import LabelsConfig, TrainingConfig
from worksafe.training.networks.build import build_network

_READERS = 2


def refuse_unlearnable(labels: LabelsConfig, examples: Sequence[Example]) -> None:
    """Refuse pictures that a recipe cannot learn from.

    Parameters
    ----------
    labels : LabelsConfig
        The outputs.
    examples : sequence of Example
        All pictures.

    Raises
    ------
    TrainingError
        If some have labels that the recipe does not name, which would teach that nothing is there,
        or the split ``train`` has no neutral or no other pictures.
    """
    unknown = sorted({example.label for example in examples} - {"", *labels.outputs})
    if unknown:
        msg = (
            f"the recipe has no output for {', '.join(unknown)}: name them under "
            "[labels.categories], or take their pictures out of the manifest"
        )
        raise TrainingError(msg)
    kinds = {example.category == NEUTRAL for example in examples if example.split == "train"}
    if kinds != {True, False}:
        raise TrainingError("training needs neutral pictures and others in the split train")


def refuse_unbuildable(config: TrainingConfig) -> None:
    """Build what a recipe will train and write down, and what its glance will.

    Parameters
    ----------
    config : TrainingConfig
        The recipe.

    Raises
    ------
    TrainingError
        If a network has no such backbone or size, or no layer that is to stay in float.
    """
    for recipe in (config, *((config.glance.recipe,) if config.glance else ())):
        build_network(recipe.network, len(recipe.labels.outputs))
        exported = build_network(recipe.exported_network, len(recipe.labels.outputs))
        layers = {name for name, layer in exported.named_modules() if isinstance(layer, nn.Linear)}
        if unknown := sorted({*recipe.export.kept} - layers):
            msg = f"there is no linear layer {unknown[0]} to keep in float (export.kept)"
            raise TrainingError(msg)


def labels_without_validation(labels: LabelsConfig, examples: Sequence[Example]) -> list[str]:
    """Name the labels that the split ``val`` has no picture of: nothing calibrates their scores.

    Parameters
    ----------
    labels : LabelsConfig
        The outputs.
    examples : sequence of Example
        All pictures.

    Returns
    -------
    list of str

    Raises
    ------
    DatasetError
        If ``val`` has no neutral pictures, which every threshold comes from.
    """
    held = choose_split(examples, "val")
    if not any(example.category == NEUTRAL for example in held):
        raise DatasetError("there are no neutral pictures in val, which thresholds come from")
    shown = {example.label for example in held}
    return [name for name in labels.outputs if "." in name and name not in shown]


def read_pictures(examples: Sequence[Example], side_px: int) -> Iterator[Example]:
    """Read every picture once.

    Parameters
    ----------
    examples : sequence of Example
        The pictures.
    side_px : int
        What they are needed for, in pixels.

    Yields
    ------
    Example
        In order, each after it was read.

    Raises
    ------
    DatasetError
        Naming the first picture that cannot be read.
    """

    def read(example: Example) -> None:  # and forget: no picture waits for its turn in memory
        read_pixels(example, side_px)

    with ThreadPoolExecutor(_READERS) as readers:
        for example, _ in zip(examples, readers.map(read, examples), strict=True):
            yield example
