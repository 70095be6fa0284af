"""A run's folder: whose it is, what it holds, and how an interrupted run finds its way back."""

import hashlib
import math
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.optim import AdamW

from worksafe.errors import TrainingError
from worksafe.evaluation.datasets import Example
from worksafe.training.averages import save_weights
from worksafe.training.config import ExportConfig, TrainingConfig
from worksafe.training.files import write_whole
from worksafe.training.networks.base import HazardsNetwork

START = "start.safetensors"  # what it began with
METRICS = "metrics.csv"
CHECKPOINT = "checkpoint.pt"
NETWORK = "network.safetensors"  # what it ended with
GLANCE = "glance"  # the folder of its glance

_MARK = "made-of.txt"
_HELD = (START, METRICS, CHECKPOINT, NETWORK)

Parts = dict[str, HazardsNetwork | AdamW]  # of a checkpoint


def claim_folder(
    run_dir: Path, config: TrainingConfig, examples: Sequence[Example], initial: Path | None
) -> None:
    """Make a run's folder, or take up one of the same recipe, examples and pretrained weights.

    A run that went on with another split would have learned pictures that it is measured on.

    Parameters
    ----------
    run_dir : Path
        The folder; files in it that no run writes are left alone.
    config : TrainingConfig
        The recipe.
    examples : sequence of Example
        All that the run is given.
    initial : Path or None
        Pretrained weights.

    Raises
    ------
    TrainingError
        If it belongs to others.
    """
    rows = [replace(one, path=Path(os.path.abspath(one.path))) for one in examples]  # noqa: PTH100
    begun_with = None if initial is None else hashlib.sha256(initial.read_bytes()).hexdigest()
    optimiser = replace(config.optimiser, start_share=0.0)  # mixing and export come later
    side_px = config.export.side_px if optimiser.probe_start else None  # the head's first size
    export = ExportConfig(side_px=side_px)
    trained = replace(config, optimiser=optimiser, export=export, glance=None)
    made_of = hashlib.sha256(repr((trained, rows, begun_with)).encode()).hexdigest()
    mark = run_dir / _MARK
    if _has_begun(run_dir):
        known = mark.read_text(encoding="utf-8").strip() if mark.exists() else None
        if known != made_of:
            what = "another recipe, other pictures or other initial weights"
            msg = f"{run_dir} holds a run of {what}: use a new folder"
            raise TrainingError(msg)
    run_dir.mkdir(parents=True, exist_ok=True)
    mark.write_text(made_of + "\n", encoding="utf-8")


def _has_begun(run_dir: Path) -> bool:
    """Return whether a folder holds something of a run, or of its folds or its glance."""
    return any(any(run_dir.glob(pattern)) for name in _HELD for pattern in (name, f"*/{name}"))


def save_network(run_dir: Path, config: TrainingConfig, weights: dict[str, Tensor]) -> bool:
    """Write what a run ended with; the file stays as it is where it says the same already.

    Parameters
    ----------
    run_dir : Path
        The run's folder.
    config : TrainingConfig
        Its recipe.
    weights : dict of str to Tensor
        Of the network.

    Returns
    -------
    bool
        Whether it was written.

    Raises
    ------
    TrainingError
        If the file says something else, and a glance has learnt from it.
    """
    path = run_dir / NETWORK
    if path.exists():
        before = load_file(path)
        if before.keys() == weights.keys() and all(
            torch.equal(before[name], tensor) for name, tensor in weights.items()
        ):
            return False
        glance = run_dir / GLANCE
        if config.glance is not None and _has_begun(glance):
            msg = f"{glance} learns from another mixture: move it away, and it is trained anew"
            raise TrainingError(msg)
    save_weights(weights, path, config.labels.outputs)
    return True


def record(run_dir: Path, step: int, loss: float, validation: dict[str, float]) -> None:
    """Add a row to the run's table; one of a run that was killed before it was kept goes.

    Parameters
    ----------
    run_dir : Path
        The run's folder.
    step : int
        After which it was measured.
    loss : float
        Of training.
    validation : dict of str to float
        What was measured, by name.
    """
    path = run_dir / METRICS
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines[1:] if int(line.partition(",")[0]) < step]
    figures = [f"{value:.4f}" for value in (loss, *validation.values())]
    rows = [",".join(["step", "loss", *validation]), *kept, ",".join([str(step), *figures])]
    with write_whole(path) as unfinished:
        unfinished.write_text("\n".join(rows) + "\n", encoding="utf-8")


def checkpoint(run_dir: Path, step: int, seconds: float, loss: float, parts: Parts) -> None:
    """Keep where a run stands.

    Parameters
    ----------
    run_dir : Path
        The run's folder.
    step : int
        Steps done.
    seconds : float
        Spent so far.
    loss : float
        Running mean of the training loss.
    parts : dict of str to HazardsNetwork or AdamW
        What the next step begins with.
    """
    state = {
        "step": step,
        "seconds": seconds,
        "loss": loss,
        **{name: part.state_dict() for name, part in parts.items()},
    }
    with write_whole(run_dir / CHECKPOINT) as unfinished:  # a run killed here keeps the old
        torch.save(state, unfinished)


def resume(run_dir: Path, parts: Parts) -> tuple[int, float, float]:
    """Take up the last checkpoint, where there is one.

    Parameters
    ----------
    run_dir : Path
        The run's folder.
    parts : dict of str to HazardsNetwork or AdamW
        Get their state.

    Returns
    -------
    step : int
        Steps done.
    seconds : float
        Spent so far.
    loss : float
        Running mean of the training loss; no number where none was done.
    """
    path = run_dir / CHECKPOINT
    if not path.exists():
        return 0, 0.0, math.nan
    state = torch.load(path, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["step"]), float(state["seconds"]), float(state["loss"])
