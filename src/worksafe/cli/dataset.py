"""``worksafe dataset``: a progress bar around the build, then what was made of it."""

import importlib.util
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from worksafe.errors import DatasetError
from worksafe.evaluation.datasets import NEUTRAL, SPLITS, Example
from worksafe.wording import how_to_install


def make_dataset(
    folder: Path,
    to: Path,
    *,
    longest_px: int,
    every_s: float,
    near: int,
    test_sources: tuple[str, ...],
    val_share: float,
    test_share: float,
) -> None:
    """Make a data set from folders of pictures and videos, and print what is in it.

    Parameters
    ----------
    folder : Path
        The tree: ``source/category/label/...``.
    to : Path
        Gets the pictures and the manifest.
    longest_px : int
        Larger pictures are scaled down to this longer side.
    every_s : float
        Between two frames of a video, in seconds.
    near : int
        The most bits of 256 in which near duplicates differ.
    test_sources : tuple of str
        Are for test alone.
    val_share, test_share : float
        Of the other groups, about.

    Raises
    ------
    DatasetError
        If PyAV or pdqhash is not installed, or the tree or an option is wrong.
    """
    if any(importlib.util.find_spec(name) is None for name in ("av", "pdqhash")):
        msg = f"data sets need PyAV and pdqhash: {how_to_install('train')}"
        raise DatasetError(msg)
    from worksafe.training.dataset.build import DatasetOptions, build_dataset
    from worksafe.training.dataset.splits import SplitPlan

    plan = SplitPlan(test_sources, val_share, test_share)
    options = DatasetOptions(longest_px, every_s, near, plan)
    console = Console(stderr=True)
    built = build_dataset(
        folder, to, options, lambda files: track(files, "reading", console=console)
    )
    _print_counts(built.examples)
    console.print(
        f"not read, or not to the end: {len(built.unreadable)}; "
        f"near duplicates: {len(built.duplicates)} (rejected.csv)\n"
        f"near pairs of different labels: {built.conflicts} (conflicts.csv)",
        soft_wrap=True,
    )
    console.print(f"wrote {escape(str(to))}", soft_wrap=True)


def _print_counts(examples: Sequence[Example]) -> None:
    counts = Counter((example.label or NEUTRAL, example.split) for example in examples)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("label", overflow="fold")
    for split in SPLITS:
        table.add_column(split, justify="right")
    for label in sorted({label for label, _ in counts}):
        table.add_row(escape(label), *(str(counts[label, split]) for split in SPLITS))
    Console().print(table)
