"""``worksafe train``: a progress bar around the training loop, then the export."""

import importlib.util
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from worksafe.errors import TrainingError
from worksafe.evaluation.datasets import read_manifest
from worksafe.training.config import read_config


def train_detector(
    config_path: Path, data: Path, initial: Path | None, run_dir: Path, to: Path
) -> None:
    """Train by a recipe and export the result.

    Parameters
    ----------
    config_path : Path
        The recipe.
    data : Path
        Folder with ``manifest.csv``.
    initial : Path or None
        Pretrained weights.
    run_dir : Path
        Checkpoints and figures.
    to : Path
        Gets the ONNX file and its contract.

    Raises
    ------
    TrainingError
        If PyTorch is not installed, or the recipe or the run is wrong.
    DatasetError
        If the manifest is.
    """
    if importlib.util.find_spec("torch") is None:
        raise TrainingError("training needs PyTorch: pip install 'worksafe[train]'")
    from worksafe.training.export import export
    from worksafe.training.train import train

    config = read_config(config_path)
    examples = read_manifest(data)
    console = Console(stderr=True)
    with Progress(
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        console=console,
    ) as bar:
        task = bar.add_task("", total=None, loss=float("nan"))
        for state in train(config, examples, initial, run_dir):
            bar.update(task, total=state.steps, completed=state.step, loss=state.loss)
            if state.validation:
                figures = "  ".join(
                    f"{name} {value:.3f}"
                    for name, value in state.validation.items()
                    if not name.endswith("%")
                )
                console.print(f"step {state.step}, validation AUC: {figures}")
    console.print("exporting, and comparing ONNX with PyTorch")
    console.print(f"wrote {export(config, examples, run_dir, to)}")
