"""What would stop or spoil a training hours later, found before it begins."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from torch import nn

from worksafe.errors import DatasetError, TrainingError
from worksafe.evaluation.datasets import NEUTRAL, Example, choose_split, read_pixels
from worksafe.training.config import LabelsConfig, TrainingConfig
from worksafe.training.networks.build import build_network

ENOUGH_NEUTRAL = 200  # of which one is the lowest rate that thresholds are given by

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
        If a network or its teacher has no such backbone or size, or no layer that is to stay in
        float.
    """
    glance = () if config.glance is None else (config.glance.recipe,)
    outputs = len(config.labels.outputs)
    for recipe in (config, *glance):
        build_network(recipe.network, outputs)
        exported = build_network(recipe.exported_network, outputs)
        layers = {name for name, layer in exported.named_modules() if isinstance(layer, nn.Linear)}
        if unknown := sorted({*recipe.export.kept} - layers):
            msg = f"there is no linear layer {unknown[0]} to keep in float (export.kept)"
            raise TrainingError(msg)
        if recipe.teacher is not None:
            full = replace(config.network, side_px=recipe.teacher.side_px)
            unmerged = replace(full, merge_after=0)  # whether --initial merges is not known yet
            build_network(unmerged if recipe is config else full, outputs)


def find_gaps(labels: LabelsConfig, examples: Sequence[Example]) -> list[str]:
    """Return what pictures are wanting for, which spoils some figures and stops nothing.

    Parameters
    ----------
    labels : LabelsConfig
        The outputs.
    examples : sequence of Example
        All pictures.

    Returns
    -------
    list of str
        A line for each.

    Raises
    ------
    DatasetError
        If ``val`` has no neutral pictures, which every threshold comes from.
    """
    held = choose_split(examples, "val")
    neutral = sum(example.category == NEUTRAL for example in held)
    if not neutral:
        raise DatasetError("there are no neutral pictures in val, which thresholds come from")
    few = f"only {neutral} neutral pictures in val: thresholds need {ENOUGH_NEUTRAL} to say much"
    return [
        *_unshown(labels, examples, "train", "nothing teaches it"),
        *_unshown(labels, examples, "val", "nothing calibrates its scores"),
        *([few] if neutral < ENOUGH_NEUTRAL else []),
    ]


def _unshown(
    labels: LabelsConfig, examples: Sequence[Example], split: str, effect: str
) -> list[str]:
    """Return which labels a split has no picture of."""
    shown = {example.label for example in examples if example.split == split}
    unshown = [name for name in labels.outputs if "." in name and name not in shown]
    return [f"no pictures of {name} in {split}: {effect}" for name in unshown]


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
