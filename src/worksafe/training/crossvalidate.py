"""Run a recipe leaving sources out, and set recipes side by side."""

import csv
from collections.abc import Generator, Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np
import torch

from worksafe.errors import TrainingError
from worksafe.evaluation.datasets import Example
from worksafe.evaluation.markdown import table_lines
from worksafe.training.averages import is_trained_here
from worksafe.training.config import TrainingConfig
from worksafe.training.files import write_whole
from worksafe.training.folds import SourceFigures, leave_sources_out, measure_folds, pool
from worksafe.training.networks.build import build_network, load_network
from worksafe.training.precision import fast_precision
from worksafe.training.preflight import refuse_unlearnable
from worksafe.training.probe import Seen, describe_as_exported, frozen_features, probe
from worksafe.training.run_folder import NETWORK, claim_folder
from worksafe.training.train import Progress, predict, train

FOLDS = 5
PROBE = "frozen-vit-tiny"
_FILES = "leave-sources-out-"


def cross_validate(
    config: TrainingConfig, examples: Sequence[Example], initial: Path | None, run_dir: Path
) -> Generator[tuple[int, Progress], None, list[SourceFigures]]:
    """Train one network per fold, and score what it never saw, at the size that is exported.

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
        If there are too few sources, or labels that the recipe does not name, the folder holds a
        run of another recipe or of other examples, or the recipe has a teacher, or begins with the
        network of another run: both were trained on the sources left out.
    """
    refuse_unfair(config, examples, initial)
    claim_folder(run_dir, config, examples, initial)
    folds = leave_sources_out(examples, FOLDS)
    seen = _seen_before(config, examples, initial) if config.optimiser.probe_start else None
    side_px, outputs = config.exported_network.side_px, len(config.labels.outputs)
    logits = []
    for number, fold in enumerate(folds):
        folder = run_dir / f"fold-{number}"
        scored = folder / f"logits-{side_px}-px-{config.optimiser.start_share}-of-start.npy"
        if not scored.exists():
            for state in train(config, fold.learning, initial, folder, seen=seen):
                yield number, state
            network = load_network(config.exported_network, outputs, folder / NETWORK)
            with fast_precision():
                found = predict(network, fold.held, side_px)
            with write_whole(scored) as unfinished, unfinished.open("wb") as file:
                np.save(file, found)
        logits.append(np.load(scored))
    return measure_folds(folds, logits, config.labels.outputs)


def refuse_unfair(
    config: TrainingConfig, examples: Sequence[Example], initial: Path | None
) -> None:
    """Refuse what would have seen the sources that are left out, or cannot learn from the others.

    Parameters
    ----------
    config, examples, initial
        As above.

    Raises
    ------
    TrainingError
        If the recipe has a teacher, or begins with the network of another run, or does not name
        some of the labels.
    """
    if config.teacher is not None:
        raise TrainingError("a recipe with a [teacher] cannot leave out what its teacher has seen")
    if initial is not None:
        refuse_trained(initial)
    refuse_unlearnable(config.labels, examples)


def refuse_trained(initial: Path) -> None:
    """Refuse the network of another run; raises TrainingError, also where it cannot be read."""
    if is_trained_here(initial):
        msg = (
            f"{initial} has learnt from labelled pictures: none of their sources is left out of it"
        )
        raise TrainingError(msg)


def _seen_before(config: TrainingConfig, examples: Sequence[Example], initial: Path | None) -> Seen:
    """Compute once what the network that every fold starts from sees in what they learn from."""
    torch.manual_seed(config.seed)  # without initial weights it is to be the one that is trained
    network = build_network(config.network, len(config.labels.outputs))
    if initial is not None:
        network.start_from(initial)
    learning = [example for example in examples if example.split == "train"]
    return describe_as_exported(network, config, learning)


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

    Raises
    ------
    TrainingError
        If there are too few sources, or labels that the recipe does not name, or the weights are of
        another run, which was trained on the sources left out.
    """
    refuse_trained(initial)
    refuse_unlearnable(config.labels, examples)
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
    path = out / "leave-sources-out.md"
    path.write_text(_compare(read_all_figures(out)), encoding="utf-8")
    return path


def _text(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def read_all_figures(folder: Path) -> dict[str, list[SourceFigures]]:
    """Read the figures of all recipes in a folder, by their names; raises as the below."""
    return {
        path.stem.removeprefix(_FILES): read_figures(path)
        for path in sorted(folder.glob(f"{_FILES}*.csv"))
    }


def read_figures(path: Path) -> list[SourceFigures]:
    """Read one recipe's figures.

    Parameters
    ----------
    path : Path
        A table that `write_figures` wrote.

    Returns
    -------
    list of SourceFigures

    Raises
    ------
    TrainingError
        If it is a table of another kind.
    """
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
            msg = f"{path} is not a table of a cross-validation: {error}"
            raise TrainingError(msg) from error


def _compare(recipes: Mapping[str, Sequence[SourceFigures]]) -> str:
    by_source = {
        name: {(one.label, one.source): one for one in figures} for name, figures in recipes.items()
    }
    keys = list(dict.fromkeys(key for some in by_source.values() for key in some))
    return "\n".join(
        [
            "# Leaving sources out",
            "",
            f"{FOLDS} folds of the splits train and val. Each picture is scored by a network that "
            "was trained without its source on pictures of the split train, against the neutral "
            "pictures left out with it: AUC / recall at 1 % false positives. "
            "*In-source* marks collections that other pictures were learnt from: of one that has "
            "most of some label's pictures that label is dealt to the folds by groups (clips, "
            "scenes, bursts), and all its other pictures, the neutral ones too, are left out "
            "together.",
            "",
            "## Pooled over sources, weighted by pictures",
            "",
            *_pooled(recipes),
            "",
            "## The same without what is in-source",
            "",
            *_pooled(
                {
                    name: [one for one in figures if not one.in_source]
                    for name, figures in recipes.items()
                }
            ),
            "",
            "## Source by source",
            "",
            *table_lines(
                ["label", "source", "pictures", *recipes],
                (_source_cells([of.get(key) for of in by_source.values()]) for key in keys),
            ),
            "",
        ]
    )


def _pooled(recipes: Mapping[str, Sequence[SourceFigures]]) -> list[str]:
    """Write what each recipe reached on each label, and in the mean over labels."""
    pooled = {name: pool(figures) for name, figures in recipes.items()}
    labels = list(dict.fromkeys(label for of in pooled.values() for label in of))
    rows = [[label, *(_cell(of.get(label)) for of in pooled.values())] for label in labels]
    means = [np.mean(list(of.values()), axis=0) if of else None for of in pooled.values()]
    mean = [_cell((float(one[0]), float(one[1])) if one is not None else None) for one in means]
    return table_lines(["label", *recipes], [*rows, ["mean over labels", *mean]])


def _source_cells(ones: Sequence[SourceFigures | None]) -> list[str]:
    """Write what each recipe reached on one label of one source."""
    first = next(one for one in ones if one is not None)
    shown = f"{first.source} (in-source)" if first.in_source else first.source
    cells = [_cell((one.auc, one.recall) if one else None) for one in ones]
    return [first.label, shown, str(first.positives), *cells]


def _cell(figures: tuple[float, float] | None) -> str:
    return f"{figures[0]:.3f} / {figures[1]:.2f}" if figures else ""
