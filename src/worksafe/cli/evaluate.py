"""``worksafe evaluate``."""

from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import track

from worksafe.errors import DatasetError
from worksafe.evaluation.datasets import SPLITS, read_manifest
from worksafe.evaluation.report import measure, score_examples, write_report
from worksafe.moderator import Moderator
from worksafe.settings import Settings


def evaluate_detectors(data: Path, split: str, out: Path) -> None:
    """Score labelled pictures as serving would, and write the tables.

    Parameters
    ----------
    data : Path
        Folder with ``manifest.csv``.
    split : str
        Which of its pictures.
    out : Path
        Folder that gets ``hazards-<split>.csv`` and ``hazards-<split>.md``.

    Raises
    ------
    DatasetError
        If the manifest is wrong, or has no usable pictures of that split.
    """
    if split not in SPLITS:
        msg = f"the split must be one of {', '.join(SPLITS)}, not {split!r}"
        raise DatasetError(msg)
    examples = [e for e in read_manifest(data) if e.split == split and not e.weak]
    if not examples:
        msg = f"{data} has no pictures in the split {split}"
        raise DatasetError(msg)
    console = Console(stderr=True)
    moderator = Moderator(Settings.load())
    scored = list(
        track(
            score_examples(moderator, examples),
            total=len(examples),
            description="scoring",
            console=console,
        )
    )
    with console.status("drawing bootstrap intervals"):
        report = measure(scored, moderator)
    text = write_report(report, split, out)
    Console().print(Markdown(text))
