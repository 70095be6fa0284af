"""What a run leaves behind for people: a row in the table of all runs, and its curves."""

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path

from worksafe.engine.cores import count_cores
from worksafe.errors import TrainingError
from worksafe.training.config import TrainingConfig
from worksafe.training.train import Progress, validation_names

_ABOUT = (
    "recipe", "version", "sha256", "started_from", "averaged_with", "seed", "draws", "minutes",
    "cores",
)  # fmt: skip


def prepare_runs(results: Path, config: TrainingConfig) -> None:
    """Make the table of all runs where there is none, and see that a run will fit into it.

    Parameters
    ----------
    results : Path
        Folder of ``runs.csv``; made where it does not exist.
    config : TrainingConfig
        The recipe of the run.

    Raises
    ------
    TrainingError
        If the table's columns are not those of such a run: another set of outputs.
    OSError
        If it cannot be written.
    """
    _open_table(results, config)


def append_run(
    results: Path,
    config: TrainingConfig,
    initial: Path | None,
    end: Progress,
    others: Sequence[Path] = (),
) -> Path:
    """Add a finished run to the table of all runs.

    Parameters
    ----------
    results : Path
        Folder of ``runs.csv``; made where it does not exist.
    config : TrainingConfig
        The recipe; the row names a hash of all its settings.
    initial : Path or None
        The weights that it started from.
    end : Progress
        Its last state, with validation figures.
    others : sequence of Path, optional
        Networks whose weights are averaged with this run's; the row names a hash of each.

    Returns
    -------
    Path
        The table.

    Raises
    ------
    TrainingError
        If the table's columns are not those of this run: another set of outputs.
    """
    about = (
        config.name,
        config.version,
        _short_hash(repr(config).encode()),
        initial.name if initial else "",
        " ".join(_short_hash(other.read_bytes()) for other in others),
        str(config.seed),
        str(config.optimiser.examples),
        f"{end.seconds / 60:.0f}",
        str(count_cores()),
    )
    figures = {name: f"{value:.4f}" for name, value in (end.validation or {}).items()}
    path, columns = _open_table(results, config)
    with path.open("a", newline="", encoding="utf-8") as file:  # what others wrote stays
        writer = csv.DictWriter(file, columns)
        writer.writerow({**dict(zip(_ABOUT, about, strict=True)), **figures})
    return path


def _short_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _open_table(results: Path, config: TrainingConfig) -> tuple[Path, list[str]]:
    """See that a run fits into the table, and that a row can be added; tell where it is."""
    results.mkdir(parents=True, exist_ok=True)
    path = results / "runs.csv"
    columns = [*_ABOUT, *validation_names(config.labels.outputs)]
    with path.open("a+", newline="", encoding="utf-8") as file:
        file.seek(0)
        known = csv.DictReader(file).fieldnames
        if known is None:
            csv.DictWriter(file, columns).writeheader()
        elif list(known) != columns:
            msg = f"{path} has other columns than this run: give another folder for results"
            raise TrainingError(msg)
    return path, columns


def draw_curves(run_dir: Path) -> Path:
    """Draw a run's loss and validation figures over its steps.

    Parameters
    ----------
    run_dir : Path
        Holds ``metrics.csv``.

    Returns
    -------
    Path
        ``curves.png`` beside it.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to load, and only needed here

    with (run_dir / "metrics.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    steps = [int(row["step"]) for row in rows]
    figure = Figure(figsize=(11, 7), layout="constrained")
    loss, auc = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2))
    loss.plot(steps, [float(row["loss"]) for row in rows], color="black")
    loss.set_ylabel("training loss")
    names = [name for name in rows[0] if name not in {"step", "loss"} and "%" not in name]
    for number, name in enumerate(names):
        values = [float(row[name]) for row in rows]
        style = "-" if number < 10 else "--"  # noqa: PLR2004 - the colours of matplotlib's cycle
        auc.plot(steps, values, style, label=name)
    auc.set(xlabel="step", ylabel="validation AUC against neutral pictures")
    auc.set_ylim(max(0.5, auc.get_ylim()[0]), 1.001)
    auc.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    path = run_dir / "curves.png"
    figure.savefig(path, dpi=100)
    return path
