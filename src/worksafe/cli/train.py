"""``worksafe train`` and ``worksafe crossvalidate``: progress bars around the training loop."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    track,
)

from worksafe.errors import TrainingError
from worksafe.evaluation.datasets import Example, read_manifest
from worksafe.training.config import TrainingConfig, read_config
from worksafe.wording import how_to_install


def train_detector(
    config_path: Path,
    data: Path,
    initial: Path | None,
    *,
    run_dir: Path,
    to: Path,
    results: Path,
    others: Sequence[Path] = (),
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
        Checkpoints, figures and curves.
    to : Path
        Gets the ONNX file and its contract.
    results : Path
        Folder whose ``runs.csv`` gets a row.
    others : sequence of Path, optional
        Networks whose weights are averaged with this run's.

    Raises
    ------
    TrainingError
        If PyTorch is not installed, or the recipe, the run, or what is named beside it is wrong.
    DatasetError
        If the manifest is, or a picture cannot be read.
    """
    _require_pytorch()
    from worksafe.training.export import export
    from worksafe.training.record import prepare_runs
    from worksafe.training.run_folder import GLANCE, NETWORK

    config = read_config(config_path)
    examples = read_manifest(data)
    console = Console(stderr=True)
    _refuse_absent([initial, *others])
    prepare_runs(results, config)
    to.mkdir(parents=True, exist_ok=True)
    _look_ahead(data, config, examples, initial, console)
    _train(config, examples, initial, run_dir, results, console, others)
    if config.glance:
        _train(
            config.glance.recipe, examples, run_dir / NETWORK, run_dir / GLANCE, results, console
        )
    console.print("exporting, and comparing ONNX with PyTorch")
    console.print(f"wrote {export(config, examples, run_dir, to)}")


def _look_ahead(
    data: Path,
    config: TrainingConfig,
    examples: Sequence[Example],
    initial: Path | None,
    console: Console,
) -> None:
    """Find before hours of training what would stop it, or make its figures mean nothing."""
    from worksafe.training.preflight import find_gaps, refuse_unbuildable, refuse_unlearnable

    refuse_unbuildable(config)
    refuse_unlearnable(config.labels, examples)
    if initial is None:
        console.print("[yellow]no --initial: training starts from chance, and takes far longer[/]")
    for gap in find_gaps(config.labels, examples):
        console.print(f"[yellow]{gap}[/]")
    _read_all(data, config, examples, console)


def _read_all(
    data: Path, config: TrainingConfig, examples: Sequence[Example], console: Console
) -> None:
    """Name a picture that cannot be read, instead of failing at it hours later."""
    from worksafe.training.preflight import read_pictures

    used = [example for example in examples if example.split in {"train", "val"}]
    reading = read_pictures(used, 2 * config.network.side_px)
    for _ in track(reading, f"reading {data}", len(used), console=console):
        pass


def _refuse_absent(files: Sequence[Path | None]) -> None:
    for path in files:
        if path is not None and not path.is_file():
            msg = f"{path} does not exist"
            raise TrainingError(msg)


def _train(
    config: TrainingConfig,
    examples: Sequence[Example],
    initial: Path | None,
    run_dir: Path,
    results: Path,
    console: Console,
    others: Sequence[Path] = (),
) -> None:
    """Train one network, or go on, behind a progress bar."""
    from worksafe.training.record import append_run, draw_curves
    from worksafe.training.train import train

    last = None
    with _progress(console) as bar:
        task = bar.add_task(f"{config.name}, its start", total=None, loss=float("nan"))
        for last in train(config, examples, initial, run_dir, others=others):
            bar.update(
                task,
                description=config.name,
                total=last.steps,
                completed=last.step,
                loss=last.loss,
            )
            if last.validation:
                figures = "  ".join(
                    f"{name} {value:.3f}"
                    for name, value in last.validation.items()
                    if not name.endswith("%")
                )
                console.print(f"step {last.step}, validation AUC: {figures}")
    if last and last.validation:
        append_run(results, config, initial, last, others)
        console.print(f"wrote {draw_curves(run_dir)}")


def cross_validate_recipe(
    config_path: Path, data: Path, initial: Path | None, *, run_dir: Path, results: Path
) -> None:
    """Train a recipe leaving sources out, and compare it with others.

    Parameters
    ----------
    config_path : Path
        The recipe.
    data : Path
        Folder with ``manifest.csv``.
    initial : Path or None
        Pretrained weights.
    run_dir : Path
        A folder per fold.
    results : Path
        Gets ``leave-sources-out-<recipe>.csv`` and the comparison.

    Raises
    ------
    TrainingError
        If PyTorch is not installed, or the recipe is wrong.
    DatasetError
        If the manifest is, or a picture cannot be read.
    """
    _require_pytorch()
    from worksafe.training.crossvalidate import (
        FOLDS,
        cross_validate,
        read_all_figures,
        refuse_unfair,
        write_figures,
    )
    from worksafe.training.preflight import refuse_unbuildable

    config = read_config(config_path)
    examples = read_manifest(data)
    console = Console(stderr=True)
    _refuse_absent([initial])
    refuse_unbuildable(config)
    refuse_unfair(config, examples, initial)
    read_all_figures(results)  # that a table there is another's is said now
    _read_all(data, config, examples, console)
    running = cross_validate(config, examples, initial, run_dir)
    with _progress(console) as bar:
        task = bar.add_task(f"{config.name}, its start", total=None, loss=float("nan"))
        while True:
            try:
                fold, state = next(running)
            except StopIteration as end:
                figures = end.value
                break
            bar.update(
                task,
                description=f"{config.name}, fold {fold + 1} of {FOLDS}",
                total=FOLDS * state.steps,
                completed=fold * state.steps + state.step,
                loss=state.loss,
            )
    _print_comparison(write_figures(figures, config.name, results))


def cross_validate_frozen(config_path: Path, data: Path, initial: Path, results: Path) -> None:
    """Measure the frozen probe under the folds that recipes are measured by.

    Parameters
    ----------
    config_path : Path
        Any recipe with the outputs that are compared.
    data : Path
        Folder with ``manifest.csv``.
    initial : Path
        Pretrained weights of ViT-Tiny.
    results : Path
        Gets ``leave-sources-out-frozen-vit-tiny.csv`` and the comparison.

    Raises
    ------
    TrainingError
        If PyTorch is not installed, the recipe is wrong, or the weights are absent or have learnt
        from labelled pictures.
    DatasetError
        If the manifest is, or a picture cannot be read.
    """
    _require_pytorch()
    from worksafe.training.crossvalidate import (
        PROBE,
        cross_validate_probe,
        read_all_figures,
        refuse_trained,
        write_figures,
    )
    from worksafe.training.preflight import refuse_unlearnable

    config = read_config(config_path)
    examples = read_manifest(data)
    console = Console(stderr=True)
    _refuse_absent([initial])
    refuse_trained(initial)
    refuse_unlearnable(config.labels, examples)
    read_all_figures(results)  # that a table there is another's is said now
    _read_all(data, config, examples, console)
    with console.status("computing features, then fitting"):
        figures = cross_validate_probe(config, examples, initial)
    _print_comparison(write_figures(figures, PROBE, results))


def _print_comparison(path: Path) -> None:
    Console().print(Markdown(path.read_text(encoding="utf-8")))


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        console=console,
    )


def _require_pytorch() -> None:
    if importlib.util.find_spec("torch") is None:
        msg = f"training needs PyTorch: {how_to_install('train')}"
        raise TrainingError(msg)
