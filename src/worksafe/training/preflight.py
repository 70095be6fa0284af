"""What would stop or spoil a training hours later, found before it begins."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from worksafe.errors import DatasetError, TrainingError
from worksafe.evaluation.datasets import NEUTRAL, Example, choose_split, read_pixels
from worksafe.training.config import LabelsConfig

_READERS = 2


def refuse_unknown_labels(labels: LabelsConfig, examples: Sequence[Example]) -> None:
    """Refuse pictures of labels that the recipe does not name: they would teach that none is there.

    Parameters
    ----------
    labels : LabelsConfig
        The outputs.
    examples : sequence of Example
        All pictures.

    Raises
    ------
    TrainingError
        If there are any.
    """
    unknown = sorted({example.label for example in examples} - {"", *labels.outputs})
    if unknown:
        msg = (
            f"the recipe has no output for {', '.join(unknown)}: name them under "
            "[labels.categories], or take their pictures out of the manifest"
        )
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
