"""PyTorch to ONNX with its contract beside it, after proving that both say the same."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from worksafe.engine.session import OnnxSession
from worksafe.errors import TrainingError
from worksafe.evaluation.datasets import NEUTRAL, Example, choose_split
from worksafe.training.calibrate import Platt, fit_platt, thresholds
from worksafe.training.config import TrainingConfig
from worksafe.training.data import LOADER_PROCESSES, MEAN, STD, Pictures, targets
from worksafe.training.files import write_whole
from worksafe.training.networks.base import HazardsNetwork
from worksafe.training.networks.build import load_network
from worksafe.training.quantise import quantise
from worksafe.training.run_folder import GLANCE, NETWORK
from worksafe.training.train import predict

Logits = NDArray[np.float64]

MAX_DIFFERENCE = 1e-3  # of a logit; measured: about 1e-5
MAX_ROUNDING = 0.3  # of an output's logit in the mean, in eight bits; measured: 0.12 to 0.19
_PROOF_PICTURES = 64
_RANGE_PICTURES = 192
_OPSET = 20  # the first with GELU as one operation


def export(config: TrainingConfig, examples: Sequence[Example], run_dir: Path, to: Path) -> Path:
    """Export a finished run: weights and contract, as serving reads them.

    Parameters
    ----------
    config : TrainingConfig
        The recipe of the run.
    examples : sequence of Example
        Of ``val`` all, for calibration, thresholds and the proof; of ``train`` some, for the ranges
        of what is computed in eight bits.
    run_dir : Path
        Holds ``network.safetensors``, and the same of a glance in a folder of its own.
    to : Path
        Folder that gets ``<name>.onnx`` and ``<name>.json``; with a glance ``<name>-glance.onnx``.

    Returns
    -------
    Path
        The ONNX file.

    Raises
    ------
    TrainingError
        If the run is not finished, or the ONNX network says something else than PyTorch's.
    """
    to.mkdir(parents=True, exist_ok=True)
    path = to / f"{config.name}.onnx"
    with ExitStack() as files:  # all are given their names at its end, or none

        def unfinished(name: str) -> Path:
            return files.enter_context(write_whole(to / name))

        full = _write_network(config, examples, run_dir, unfinished(path.name))
        glance = None
        if config.glance is not None:
            beside = unfinished(f"{config.name}-glance.onnx")
            glance = _write_network(config.glance.recipe, examples, run_dir / GLANCE, beside)
        contract = _contract(config, choose_split(examples, "val"), full, glance)
        text = json.dumps(contract, indent=2) + "\n"
        unfinished(f"{config.name}.json").write_text(text, encoding="utf-8")
    return path


@dataclass(frozen=True, slots=True)
class _Written:
    """A network, written and calibrated."""

    sha256: str
    side_px: int
    eight_bits: bool
    calibration: dict[str, dict[str, float]]
    scores: dict[str, NDArray[np.float64]]  # by label, of the held pictures


def _write_network(
    config: TrainingConfig, examples: Sequence[Example], run_dir: Path, path: Path
) -> _Written:
    """Write a run's network, prove it and calibrate it."""
    network, side_px = _load(config, run_dir), config.exported_network.side_px
    held = choose_split(examples, "val")
    write_onnx(network, side_px, path)
    shown = _some(held, _PROOF_PICTURES)
    expected = predict(network, shown, side_px)
    _compare(expected, _run_onnx(path, shown, side_px), shown)
    if config.export.eight_bits:
        quantise(path, _learnt_pictures(examples, side_px), config.export.kept)
        _compare_on_average(expected, _run_onnx(path, shown, side_px))
    logits = _run_onnx(path, held, side_px)
    fits = _calibrate(config, held, logits)
    columns = {name: logits[:, at] for at, name in enumerate(config.labels.outputs)}
    return _Written(
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        side_px=side_px,
        eight_bits=config.export.eight_bits,
        calibration={
            name: {"slope": fit.slope, "offset": fit.offset} for name, fit in fits.items()
        },
        scores={name: fit.apply(columns[name]) for name, fit in fits.items()},
    )


def write_onnx(network: HazardsNetwork, side_px: int, path: Path) -> None:
    """Write a network as serving runs it: input ``pixels``, outputs ``logits`` and ``maps``.

    Parameters
    ----------
    network : HazardsNetwork
        In evaluation mode.
    side_px : int
        Side of its input, in pixels.
    path : Path
        The ONNX file.
    """
    torch.onnx.export(
        network,
        (torch.zeros(1, 3, side_px, side_px),),  # serving scores one picture at a time
        str(path),
        input_names=["pixels"],
        output_names=["logits", "maps"],
        opset_version=_OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    _forget_origin(path)


def _forget_origin(path: Path) -> None:
    """Drop the exporter's notes: paths and source lines of the machine that trained."""
    model = onnx.load(str(path))
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.save(model, str(path))


def _load(config: TrainingConfig, run_dir: Path) -> HazardsNetwork:
    path = run_dir / NETWORK
    if not path.is_file():
        msg = f"{run_dir} holds no finished run: {path.name} is missing"
        raise TrainingError(msg)
    return load_network(config.exported_network, len(config.labels.outputs), path)


def _run_onnx(path: Path, examples: Sequence[Example], side_px: int) -> Logits:
    """Score pictures with the ONNX network, as serving would, (examples, outputs)."""
    session = OnnxSession(path.read_bytes())
    loader = DataLoader(Pictures(examples, side_px), batch_size=None, num_workers=LOADER_PROCESSES)
    scored = [session.run(pixels.numpy()[None], ["logits"])[0] for pixels in loader]
    return np.concatenate(scored).astype(np.float64)


def _compare(expected: Logits, found: Logits, examples: Sequence[Example]) -> None:
    """Refuse an ONNX network that is not PyTorch's."""
    differences = np.abs(found - expected).max(axis=1)
    worst = int(differences.argmax())
    if not differences[worst] <= MAX_DIFFERENCE:  # also where it is not a number
        name = examples[worst].path.name
        msg = f"on {name} a logit of the ONNX network differs by {differences[worst]:.2g}"
        raise TrainingError(msg)


def _compare_on_average(expected: Logits, found: Logits) -> None:
    """Refuse eight bits that say something else."""
    difference = float(np.abs(found - expected).mean(axis=0).max())
    if not difference <= MAX_ROUNDING:
        msg = (
            f"in eight bits an output moves by {difference:.2g} of a logit in the mean: a layer "
            "with inputs far apart is to be kept in float (export.kept)"
        )
        raise TrainingError(msg)


def _some(examples: Sequence[Example], count: int) -> list[Example]:
    """Choose some at random, always the same: a manifest lists source after source."""
    chosen = np.random.default_rng(0).permutation(len(examples))[:count]
    return [examples[position] for position in chosen]


def _learnt_pictures(examples: Sequence[Example], side_px: int) -> Iterator[NDArray[np.float32]]:
    """Yield some of the pictures that were learnt from, any label's."""
    pictures = Pictures(_some(choose_split(examples, "train"), _RANGE_PICTURES), side_px)
    for position in range(len(pictures)):
        yield pictures[position].numpy()[None]


def _calibrate(config: TrainingConfig, held: Sequence[Example], logits: Logits) -> dict[str, Platt]:
    """Fit each label's scale on the pictures that it is known of."""
    wanted = [targets(example, config.labels, config.sampling) for example in held]
    values = np.stack([value for value, _ in wanted]) > 0
    weights = np.stack([weight for _, weight in wanted]).astype(np.float64)
    fits: dict[str, Platt] = {}
    for column, name in enumerate(config.labels.outputs):
        if "." in name:
            known = weights[:, column] > 0
            fit = fit_platt(logits[known, column], values[known, column], weights[known, column])
            fits[name] = fit.rounded()
    return fits


def _contract(
    config: TrainingConfig, held: Sequence[Example], full: _Written, glance: _Written | None
) -> dict[str, object]:
    neutral = np.array([example.category == NEUTRAL for example in held])
    scores = dict(full.scores)
    quick: dict[str, object] = {}
    if glance is not None and config.glance is not None:  # as engine/scoring.py has it in serving
        settled = np.max([*glance.scores.values()], axis=0) < config.glance.settles_below
        scores = {
            name: np.where(settled, glance.scores[name], score) for name, score in scores.items()
        }
        quick["glance"] = {
            "sha256": glance.sha256,
            "side_px": glance.side_px,
            "eight_bits": glance.eight_bits,
            "settles_below": config.glance.settles_below,
            "in_doubt": round(1 - float(settled[neutral].mean()), 3),  # of the ordinary pictures
            "calibration": glance.calibration,
        }
    for category in config.labels.categories:  # as models/spec.py makes them in serving
        counting = config.labels.counting(category)
        scores[category] = np.max([scores[name] for name in counting], axis=0)
    return {
        "name": config.name,
        "version": config.version,
        "licence": config.licence,
        "sha256": full.sha256,
        "side_px": full.side_px,
        "eight_bits": full.eight_bits,
        "mean": MEAN,
        "std": STD,
        "outputs": config.labels.outputs,
        "reported_only": config.labels.reported_only,
        "calibration": full.calibration,
        **quick,
        "thresholds": {name: thresholds(scores[name][neutral]) for name in config.labels.outputs},
    }
