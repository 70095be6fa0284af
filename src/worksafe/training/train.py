"""Fine-tune the hazards network: one loop, read from top to bottom."""

import hashlib
import math
import os
import time
from collections.abc import Generator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor
from torch.optim import AdamW
from torch.utils.data import DataLoader, Subset

from worksafe.errors import TrainingError
from worksafe.evaluation.datasets import NEUTRAL, Example, choose_split
from worksafe.evaluation.metrics import recall_at_fpr, roc_auc
from worksafe.training.averages import mix, refuse_other_shapes, save_weights
from worksafe.training.config import ExportConfig, OptimiserConfig, TrainingConfig
from worksafe.training.data import (
    LOADER_PROCESSES,
    TrainingPictures,
    draw_examples,
    in_batches,
)
from worksafe.training.distil import Teacher
from worksafe.training.files import write_whole
from worksafe.training.loss import masked_loss
from worksafe.training.networks.base import HEAD, HazardsNetwork
from worksafe.training.networks.build import build_network
from worksafe.training.precision import fast_precision
from worksafe.training.preflight import refuse_unlearnable
from worksafe.training.probe import Seen, describe_as_exported, start_head

NETWORK = "network.safetensors"  # in a run's folder: what it ended with
GLANCE = "glance"  # in a run's folder: that of its glance

Parts = dict[str, HazardsNetwork | AdamW]  # of a checkpoint


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands, after each step.

    Attributes
    ----------
    step, steps : int
        Done, and in all.
    loss : float
        Running mean of the training loss.
    seconds : float
        Spent so far, interrupted parts included.
    validation : dict of str to float, or None
        Area under the ROC curve of each label against neutral pictures, where just measured.
    """

    step: int
    steps: int
    loss: float
    seconds: float
    validation: dict[str, float] | None = None


def train(
    config: TrainingConfig,
    examples: Sequence[Example],
    initial: Path | None,
    run_dir: Path,
    *,
    others: Sequence[Path] = (),
    seen: Seen | None = None,
) -> Generator[Progress, None, None]:
    """Train, or go on with a run that was interrupted.

    Parameters
    ----------
    config : TrainingConfig
        The recipe.
    examples : sequence of Example
        Only its splits ``train`` and ``val`` are looked at; without ``val`` nothing is validated.
    initial : Path or None
        Pretrained weights; None starts from chance (tests do).
    run_dir : Path
        Gets ``start.safetensors``, ``checkpoint.pt`` at each validation, ``metrics.csv``, and at
        the end ``network.safetensors``.
    others : sequence of Path, optional
        Networks of other runs from the same pretrained weights: what is kept is the mean of their
        weights and this run's.
    seen : dict of Path to ndarray, optional
        What the network sees in the pictures before it is trained, from `describe_as_exported`,
        where that is known already.

    Yields
    ------
    Progress
        After each step.

    Raises
    ------
    TrainingError
        If the examples cannot be balanced or have labels that the recipe does not name, one of
        `others` is of another shape, the folder holds a run of another recipe or of other
        examples, or the loss is no number any more.
    """
    refuse_unlearnable(config.labels, examples)
    torch.manual_seed(config.seed)
    network = build_network(config.network, len(config.labels.outputs))
    refuse_other_shapes(network, others)
    claim_folder(run_dir, config, examples, initial)
    learning = [example for example in examples if example.split == "train"]
    held = choose_split(examples, "val")
    optimiser = config.optimiser
    beginning = run_dir / "start.safetensors"
    if not beginning.exists():
        _start(network, config, learning, initial, seen)
        save_weights(network.state_dict(), beginning)
    network.load_state_dict(load_file(beginning))
    teacher = _teacher(config, initial)
    average = deepcopy(network).eval().requires_grad_(requires_grad=False)
    adam = AdamW(_parameter_groups(network, optimiser))
    steps = optimiser.steps
    parts: Parts = {"network": network, "average": average, "adam": adam}
    start, before, running = _resume(run_dir, parts)
    began = time.monotonic() - before

    for step, (pixels, values, weights) in enumerate(_draw(config, learning, start), start + 1):
        for group in adam.param_groups:
            group["lr"] = group["peak_lr"] * _schedule(step, steps, optimiser.warmup_steps)
        torch.manual_seed((config.seed << 32) + step)  # so that a resumed run is the same run
        network.train()
        network.kept_share = optimiser.kept_share if step <= optimiser.kept_until * steps else 1.0
        with fast_precision():
            if teacher is None:
                loss = masked_loss(network(pixels)[0], values, weights)
            else:
                loss = teacher.loss(network, pixels, values, weights)
        latest = _finite(loss.item(), step)
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adam.step()
        _follow(average, network, min(optimiser.ema_decay, step / (step + 10)))
        running = latest if math.isnan(running) else 0.98 * running + 0.02 * latest
        validation = None
        if step % optimiser.validate_every == 0 or step == steps:
            kept = mix(average, others, beginning, optimiser.start_share)
            validation = _validate(kept, held, config) if held else None
            _record(run_dir, step, running, validation or {})
            _checkpoint(run_dir, step, time.monotonic() - began, running, parts)
        yield Progress(step, steps, running, time.monotonic() - began, validation)
    kept = mix(average, others, beginning, optimiser.start_share)
    if start == steps and not (run_dir / NETWORK).exists():  # it was ended after its last step
        validation = _validate(kept, held, config) if held else None
        yield Progress(steps, steps, running, time.monotonic() - began, validation)
    save_weights(kept.state_dict(), run_dir / NETWORK)


def _draw(
    config: TrainingConfig, learning: Sequence[Example], start: int
) -> "DataLoader[tuple[Tensor, Tensor, Tensor]]":
    """Draw the batches of a run, from the one after some steps on."""
    batch = config.optimiser.batch
    pictures = TrainingPictures(
        learning,
        draw_examples(learning, config.sampling, config.optimiser.steps * batch, config.seed),
        config.labels,
        config.sampling,
        side_px=(config.teacher or config.network).side_px,
        seed=config.seed,
    )
    remaining = Subset(pictures, range(start * batch, len(pictures)))
    return DataLoader(remaining, batch_size=batch, num_workers=LOADER_PROCESSES)


def claim_folder(
    run_dir: Path, config: TrainingConfig, examples: Sequence[Example], initial: Path | None
) -> None:
    """Make a run's folder, or take up one of the same recipe, examples and pretrained weights.

    A run that went on with another split would have learned pictures that it is measured on.

    Parameters
    ----------
    run_dir : Path
        The folder.
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
    mark = run_dir / "made-of.txt"
    has_begun = run_dir.exists() and {*run_dir.iterdir()} - {mark}
    if has_begun:
        known = mark.read_text(encoding="utf-8").strip() if mark.exists() else None
        if known != made_of:
            what = "another recipe, other pictures or other initial weights"
            msg = f"{run_dir} holds a run of {what}: use a new folder"
            raise TrainingError(msg)
    run_dir.mkdir(parents=True, exist_ok=True)
    mark.write_text(made_of + "\n", encoding="utf-8")


def predict(
    network: HazardsNetwork, examples: Sequence[Example], side_px: int
) -> NDArray[np.float64]:
    """Score pictures with the PyTorch network.

    Parameters
    ----------
    network : HazardsNetwork
        In evaluation mode.
    examples : sequence of Example
        The pictures.
    side_px : int
        Side of the network's input, in pixels.

    Returns
    -------
    ndarray of float64, shape (examples, outputs)
        Logits.
    """
    with torch.inference_mode():
        logits = [network(pixels)[0].double().numpy() for pixels in in_batches(examples, side_px)]
    return np.concatenate(logits)


def validation_names(outputs: Sequence[str]) -> list[str]:
    """Name what is measured at each validation, in order: two figures of every output."""
    return [name for output in outputs for name in (output, f"{output} recall@1%")]


def _parameter_groups(
    network: HazardsNetwork, optimiser: OptimiserConfig
) -> list[dict[str, object]]:
    """Give every layer its own peak learning rate; biases, norms and tokens do not decay."""
    groups: list[dict[str, object]] = []
    for name, parameter in network.named_parameters():
        below_head = network.depth + 1 - network.layer_of(name)
        peak = optimiser.lr * optimiser.layer_decay**below_head
        decays = parameter.ndim > 1 and "token" not in name and "embed" not in name
        if parameter.requires_grad:
            groups.append(
                {
                    "params": [parameter],
                    "peak_lr": optimiser.head_lr if name.startswith(HEAD) else peak,
                    "weight_decay": optimiser.weight_decay if decays else 0.0,
                }
            )
    return groups


def _schedule(step: int, steps: int, warmup: int) -> float:
    """Linear warm-up, then half a cosine down to zero."""
    if step <= warmup:
        return step / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _start(
    network: HazardsNetwork,
    config: TrainingConfig,
    learning: Sequence[Example],
    initial: Path | None,
    seen: Seen | None,
) -> None:
    if initial is not None:
        network.start_from(initial)
    if config.optimiser.probe_start:
        if seen is None:
            seen = describe_as_exported(network, config, learning)
        start_head(network, config, learning, seen)


def _teacher(config: TrainingConfig, initial: Path | None) -> Teacher | None:
    if config.teacher is None:
        return None
    if initial is None:
        raise TrainingError("a [teacher] is the network that the run starts from: name its file")
    return Teacher(config, config.teacher, initial)


def _finite(loss: float, step: int) -> float:
    """Refuse to go on where the weights are lost; what was saved before is good."""
    if not math.isfinite(loss):
        msg = f"step {step}: the loss is no number any more; a lower lr may help"
        raise TrainingError(msg)
    return loss


def _follow(average: HazardsNetwork, network: HazardsNetwork, decay: float) -> None:
    with torch.no_grad():
        for mean, current in zip(average.parameters(), network.parameters(), strict=True):
            mean.lerp_(current, 1 - decay)
        for kept, latest in zip(average.buffers(), network.buffers(), strict=True):
            kept.copy_(latest)  # statistics of batch normalisation are averages already


def _validate(
    network: HazardsNetwork, held: Sequence[Example], config: TrainingConfig
) -> dict[str, float]:
    """Measure each output's own score against all neutral pictures: AUC and recall at 1 % FPR."""
    scores = predict(network, held, config.network.side_px)
    neutral = np.array([example.category == NEUTRAL for example in held])
    figures: list[float] = []
    for column, output in enumerate(config.labels.outputs):
        positive = np.array([output in (example.category, example.label) for example in held])
        if output in config.labels.categories:
            positive &= [example.label not in config.labels.reported_only for example in held]
        chosen = neutral | positive
        of_output = scores[chosen, column], positive[chosen]
        figures += [roc_auc(*of_output), recall_at_fpr(*of_output, 0.01)]
    return dict(zip(validation_names(config.labels.outputs), figures, strict=True))


def _record(run_dir: Path, step: int, loss: float, validation: dict[str, float]) -> None:
    """Add a row to the run's table; one of a run that was killed before it was kept goes."""
    path = run_dir / "metrics.csv"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines[1:] if int(line.partition(",")[0]) < step]
    figures = [f"{value:.4f}" for value in (loss, *validation.values())]
    rows = [",".join(["step", "loss", *validation]), *kept, ",".join([str(step), *figures])]
    with write_whole(path) as unfinished:
        unfinished.write_text("\n".join(rows) + "\n", encoding="utf-8")


def _checkpoint(run_dir: Path, step: int, seconds: float, loss: float, parts: Parts) -> None:
    state = {
        "step": step,
        "seconds": seconds,
        "loss": loss,
        **{name: part.state_dict() for name, part in parts.items()},
    }
    with write_whole(run_dir / "checkpoint.pt") as unfinished:  # a run killed here keeps the old
        torch.save(state, unfinished)


def _resume(run_dir: Path, parts: Parts) -> tuple[int, float, float]:
    """Take up the last checkpoint, where there is one: steps, seconds and loss so far."""
    path = run_dir / "checkpoint.pt"
    if not path.exists():
        return 0, 0.0, math.nan
    state = torch.load(path, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["step"]), float(state["seconds"]), float(state["loss"])
