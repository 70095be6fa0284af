from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

pytest.importorskip("torch", reason="PyTorch is not installed: make test-train installs it")

from dataclasses import replace

from recipes import RECIPES
from worksafe.cli.main import app
from worksafe.errors import TrainingError
from worksafe.evaluation.datasets import Example
from worksafe.training.averages import save_weights
from worksafe.training.config import ExportConfig, TrainingConfig
from worksafe.training.crossvalidate import cross_validate, cross_validate_probe
from worksafe.training.folds import SourceFigures
from worksafe.training.networks.vit import VisionTransformer

pytestmark = pytest.mark.train

TINY = str(RECIPES / "tiny.toml")


@pytest.fixture
def trained(config: TrainingConfig, tmp_path: Path) -> Path:
    """Write what a run ended with."""
    path = tmp_path / "trained.safetensors"
    outputs = config.labels.outputs
    save_weights(VisionTransformer(len(outputs), 64).state_dict(), path, outputs)
    return path


def measure(data: Path, results: Path, initial: Path, *more: str) -> Result:
    arguments = [
        "crossvalidate",
        str(RECIPES / "tiny.toml"),
        "--data",
        str(data),
        "--results",
        str(results),
    ]
    arguments += ["--initial", str(initial), *more]
    if "--frozen" not in more:
        arguments += ["--run-dir", str(results / "run")]
    return CliRunner().invoke(app, arguments)


def test_the_yardstick_does_not_begin_with_what_has_seen_the_sources_left_out(
    config: TrainingConfig, examples: list[Example], data: Path, trained: Path, tmp_path: Path
) -> None:
    yardstick = tmp_path / "leave-sources-out-frozen-vit-tiny.csv"
    yardstick.write_text("as it was")

    seen = measure(data, tmp_path, trained, "--frozen")

    assert "none of their sources is left out" in str(seen.exception)
    assert "reading" not in seen.output
    assert yardstick.read_text() == "as it was"
    with pytest.raises(TrainingError, match="none of their sources is left out"):
        cross_validate_probe(config, examples, trained)


def test_what_the_yardstick_would_end_in_is_said_before_pictures_are_read(
    data: Path, tmp_path: Path
) -> None:
    initial = tmp_path / "pretrained.safetensors"
    absent = measure(data, tmp_path, initial, "--frozen")
    initial.write_bytes(b"no tensors")
    broken = [measure(data, tmp_path, initial, *more) for more in ((), ("--frozen",))]
    save_weights({}, initial.with_suffix(".onnx"), [])
    (tmp_path / "leave-sources-out-other.csv").write_text("a,b\n1,2\n")
    foreign = measure(data, tmp_path, initial.with_suffix(".onnx"), "--frozen")

    assert "does not exist" in str(absent.exception)
    assert all("cannot be read as safetensors" in str(one.exception) for one in broken)
    assert "leave-sources-out-other.csv" in str(foreign.exception)
    assert all(isinstance(one.exception, TrainingError) for one in (absent, *broken, foreign))
    assert "reading" not in "".join(one.output for one in (absent, *broken, foreign))


def test_only_folds_need_a_folder(data: Path) -> None:
    without = CliRunner().invoke(app, ["crossvalidate", TINY, "--data", str(data)])

    assert without.exit_code == 2
    assert "the folds need --run-dir" in without.output


def test_folds_are_scored_at_the_exported_size_and_scored_anew_when_it_or_the_mixture_changes(
    config: TrainingConfig, examples: list[Example], tmp_path: Path
) -> None:
    few = replace(config.optimiser, examples=32, probe_start=False)

    def figures(*, start_share: float, side_px: int) -> tuple[int, list[SourceFigures]]:
        optimiser = replace(few, start_share=start_share)
        recipe = replace(config, optimiser=optimiser, export=ExportConfig(side_px=side_px))
        steps, run = 0, cross_validate(recipe, examples, None, tmp_path)
        while True:
            try:
                next(run)
                steps += 1
            except StopIteration as end:
                return steps, end.value

    steps, first = figures(start_share=0.0, side_px=64)
    again = [figures(start_share=0.0, side_px=96), figures(start_share=0.5, side_px=64)]

    assert steps > 0
    assert [steps for steps, _ in again] == [0, 0]  # nothing is trained twice
    assert all(other != first for _, other in again)
    assert figures(start_share=0.0, side_px=64) == (0, first)
