"""Fine-tune the hazards network: one loop, read from top to bottom."""

import math
import time
from collections.abc import Generator, Sequence
from copy import deepcopy
from dataclasses import dataclass
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
from worksafe.training.averages import (
    mix,
    refuse_other_labels,
    refuse_other_shapes,
    save_weights,
)
from worksafe.training.config import OptimiserConfig, TrainingConfig
from worksafe.training.data import (
    LOADER_PROCESSES,
    TrainingPictures,
    draw_examples,
    in_batches,
)
from worksafe.training.distil import Teacher
from worksafe.training.loss import masked_loss
from worksafe.training.networks.base import HEAD, HazardsNetwork
from worksafe.training.networks.build import build_network
from worksafe.training.precision import fast_precision
from worksafe.training.preflight import refuse_unlearnable
from worksafe.training.probe import Seen, describe_as_exported, start_head
from worksafe.training.run_folder import (
    START,
    Parts,
    checkpoint,
    claim_folder,
    record,
    resume,
    save_network,
)

Batch = tuple[Tensor, Tensor, Tensor]  # pixels, values and weights, each (batch, ...)


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
        Of each output against neutral pictures, where just measured: the area under the ROC curve
        by its name, and recall at 1 % false positives by ``<name> recall@1%``.
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
        `others` is of another shape or of other labels, the folder holds a run of another recipe
        or of other examples, its glance learns from another mixture, or the loss is not a number
        any more.
    """
    refuse_unlearnable(config.labels, examples)
    refuse_other_labels(config.labels, [*others, *([initial] if initial else [])])
    torch.manual_seed(config.seed)
    network = build_network(config.network, len(config.labels.outputs))
    refuse_other_shapes(network, others)
    claim_folder(run_dir, config, examples, initial)
    learning = [example for example in examples if example.split == "train"]
    held = choose_split(examples, "val")
    optimiser, beginning = config.optimiser, run_dir / START
    if not beginning.exists():
        _start(network, config, learning, initial, seen)
        save_weights(network.state_dict(), beginning, config.labels.outputs)
    network.load_state_dict(load_file(beginning))
    teacher = _teacher(config, initial)
    average = deepcopy(network).eval().requires_grad_(requires_grad=False)
    adam = AdamW(_parameter_groups(network, optimiser))
    parts: Parts = {"network": network, "average": average, "adam": adam}
    start, before, running = resume(run_dir, parts)
    steps, began = optimiser.steps, time.monotonic() - before

    def kept() -> HazardsNetwork:
        return mix(average, others, beginning, optimiser.start_share)

    for step, batch in enumerate(_draw(config, learning, start), start + 1):
        for group in adam.param_groups:
            group["lr"] = group["peak_lr"] * _schedule(step, steps, optimiser.warmup_steps)
        torch.manual_seed((config.seed << 32) + step)  # so that a resumed run is the same run
        network.kept_share = optimiser.kept_share if step <= optimiser.kept_until * steps else 1.0
        latest = _learn(network, adam, teacher, batch, step)
        _follow(average, network, min(optimiser.ema_decay, step / (step + 10)))
        running = latest if math.isnan(running) else 0.98 * running + 0.02 * latest
        validation = None
        if step % optimiser.validate_every == 0 or step == steps:
            validation = _validate(kept(), held, config)
            record(run_dir, step, running, validation or {})
            checkpoint(run_dir, step, time.monotonic() - began, running, parts)
        yield Progress(step, steps, running, time.monotonic() - began, validation)
    mixture = kept()
    if save_network(run_dir, config, mixture.state_dict()) and start == steps and held:
        # It was ended after its last step, or is mixed otherwise now.
        validation = _validate(mixture, held, config)
        yield Progress(steps, steps, running, time.monotonic() - began, validation)


def _draw(config: TrainingConfig, learning: Sequence[Example], start: int) -> "DataLoader[Batch]":
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
    """Give every layer its own peak learning rate; biases, norms and embeddings do not decay."""
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


def _learn(
    network: HazardsNetwork, adam: AdamW, teacher: Teacher | None, batch: Batch, step: int
) -> float:
    """Make one step, and give its loss."""
    pixels, values, weights = batch
    network.train()
    with fast_precision():
        if teacher is None:
            loss = masked_loss(network(pixels)[0], values, weights)
        else:
            loss = teacher.loss(network, pixels, values, weights)
    _refuse_infinite("loss", loss, step)
    adam.zero_grad()
    loss.backward()
    length = torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    _refuse_infinite("gradient", length, step)
    adam.step()
    return loss.item()


def _refuse_infinite(name: str, value: Tensor, step: int) -> None:
    """Refuse to go on where the weights would be lost; what was saved before is good."""
    if not math.isfinite(value.item()):
        msg = f"step {step}: the {name} is not a number any more; a lower lr may help"
        raise TrainingError(msg)


def _follow(average: HazardsNetwork, network: HazardsNetwork, decay: float) -> None:
    with torch.no_grad():
        for mean, current in zip(average.parameters(), network.parameters(), strict=True):
            mean.lerp_(current, 1 - decay)
        for kept, latest in zip(average.buffers(), network.buffers(), strict=True):
            kept.copy_(latest)  # statistics of batch normalisation are averages already


def _validate(
    network: HazardsNetwork, held: Sequence[Example], config: TrainingConfig
) -> dict[str, float] | None:
    """Measure each output's own score against all neutral pictures: AUC and recall at 1 % FPR."""
    if not held:
        return None
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
