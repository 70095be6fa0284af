"""Run a recipe leaving sources out, and set recipes side by side."""

import csv
from collections.abc import Generator, Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np
from safetensors.torch import load_file

from worksafe.errors import TrainingError
from worksafe.evaluation.datasets import Example
from worksafe.training.config import TrainingConfig
from worksafe.training.folds import SourceFigures, leave_sources_out, measure_folds, pool
from worksafe.training.networks.build import build_network
from worksafe.training.probe import frozen_features, probe
from worksafe.training.train import Progress, predict, train

FOLDS = 5
PROBE = "frozen-vit-tiny"
_FILES = "leave-sources-out-"


def cross_validate(
    config: TrainingConfig, examples: Sequence[Example], initial: Path | None, run_dir: Path
) -> Generator[tuple[int, Progress], None, list[SourceFigures]]:
    """Train one network per fold, and score what it never saw.

    Parameters
    ----------
    config : TrainingConfig
        The recipe.
    examples : sequence of Example
        Only the splits train and val are looked at.
    initial : Path or None
        Pretrained weights, the same for every fold.
    run_dir : Path
        Gets a folder per fold; an interrupted run goes on.

    Returns
    -------
    list of SourceFigures
        By label and source.

    Yields
    ------
    tuple of (int, Progress)
        Number of the fold, from 0, and where its training stands.

    Raises
    ------
    TrainingError
        If there are too few sources.
    """
    folds = leave_sources_out(examples, FOLDS)
    logits = []
    for number, fold in enumerate(folds):
        folder = run_dir / f"fold-{number}"
        scored = folder / "logits.npy"
        if not scored.exists():
            for state in train(config, fold.learning, initial, folder):
                yield number, state
            network = build_network(config.network, len(config.labels.outputs)).eval()
            network.load_state_dict(load_file(folder / "network.safetensors"))
            np.save(scored, predict(network, fold.held, config.network.side_px))
        logits.append(np.load(scored))
    return measure_folds(folds, logits, config.labels.outputs)


def cross_validate_probe(
    config: TrainingConfig, examples: Sequence[Example], initial: Path
) -> list[SourceFigures]:
    """Measure the frozen probe under the same folds.

    Parameters
    ----------
    config : TrainingConfig
        Its outputs and what is known about each.
    examples : sequence of Example
        Only the splits train and val are looked at.
    initial : Path
        Pretrained weights of ViT-Tiny.

    Returns
    -------
    list of SourceFigures
        By label and source.
    """
    folds = leave_sources_out(examples, FOLDS)
    features = frozen_features([e for e in examples if e.split in {"train", "val"}], initial)
    logits = [probe(config, features, fold.learning, fold.held) for fold in folds]
    return measure_folds(folds, logits, config.labels.outputs)


def write_figures(figures: Sequence[SourceFigures], name: str, out: Path) -> Path:
    """Write one recipe's figures, and the comparison of all recipes in the folder.

    Parameters
    ----------
    figures : sequence of SourceFigures
        From a cross-validation.
    name : str
        Of the recipe.
    out : Path
        Folder of the tables; made where it does not exist.

    Returns
    -------
    Path
        The comparison, Markdown.

    Raises
    ------
    TrainingError
        If the folder holds a table of another kind under the name of one of ours.
    """
    out.mkdir(parents=True, exist_ok=True)
    with (out / f"{_FILES}{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in fields(SourceFigures)])
        for one in figures:
            writer.writerow([_text(value) for value in astuple(one)])
    recipes = {
        path.stem.removeprefix(_FILES): _read(path) for path in sorted(out.glob(f"{_FILES}*.csv"))
    }
    path = out / "leave-sources-out.md"
    path.write_text(_compare(recipes), encoding="utf-8")
    return path


def _text(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _read(path: Path) -> list[SourceFigures]:
    with path.open(newline="", encoding="utf-8") as file:
        try:
            return [
                SourceFigures(
                    row["label"],
                    row["source"],
                    row["in_source"] == "True",
                    int(row["positives"]),
                    float(row["auc"]),
                    float(row["recall"]),
                )
                for row in csv.DictReader(file)
            ]
        except (KeyError, ValueError) as error:
            msg = f"{path} is no table of a cross-validation: {error}"
            raise TrainingError(msg) from error


def _compare(recipes: Mapping[str, Sequence[SourceFigures]]) -> str:
    pooled = {name: pool(figures) for name, figures in recipes.items()}
    by_source = {
        name: {(one.label, one.source): one for one in figures} for name, figures in recipes.items()
    }
    keys = list(dict.fromkeys(key for some in by_source.values() for key in some))
    labels = list(dict.fromkeys(label for label, _ in keys))
    lines = [
        "# Leaving sources out",
        "",
        f"{FOLDS} folds of the splits train and val. Each picture is scored by a network that was "
        "trained without its source, against the neutral pictures of the sources left out with "
        "it: AUC / recall at 1 % false positives. *In-source* marks labels that nearly all come "
        "from one collection: there only groups (clips, scenes, bursts) are left out.",
        "",
        "## Pooled over sources, weighted by pictures",
        "",
        f"| label | {' | '.join(recipes)} |",
        f"| --- |{' --- |' * len(recipes)}",
    ]
    for label in labels:
        cells = [_cell(pooled[name].get(label)) for name in recipes]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    means = [np.mean(list(pooled[name].values()), axis=0) for name in recipes]
    lines.append(f"| mean over labels | {' | '.join(_cell((m[0], m[1])) for m in means)} |")
    lines += [
        "",
        "## Source by source",
        "",
        f"| label | source | pictures | {' | '.join(recipes)} |",
        f"| --- | --- | --- |{' --- |' * len(recipes)}",
    ]
    for label, source in keys:
        ones = [by_source[name].get((label, source)) for name in recipes]
        first = next(one for one in ones if one is not None)
        cells = [_cell((one.auc, one.recall) if one else None) for one in ones]
        shown = f"{source} (in-source)" if first.in_source else source
        lines.append(f"| {label} | {shown} | {first.positives} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _cell(figures: tuple[float, float] | None) -> str:
    return f"{figures[0]:.3f} / {figures[1]:.2f}" if figures else ""
