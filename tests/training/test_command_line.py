import csv
import json
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("torch", reason="PyTorch is not installed: make test-train installs it")

from typer.testing import CliRunner

from recipes import RECIPES
from worksafe.cli.main import app
from worksafe.evaluation.datasets import Example
from worksafe.training.run_folder import NETWORK

pytestmark = pytest.mark.train


def test_from_labelled_pictures_to_measured_weights_on_the_command_line(
    data: Path, tmp_path: Path
) -> None:
    """The whole chain: train, export, equality, evaluation of what came out."""
    runner = CliRunner()
    arguments = ["--data", str(data), "--run-dir", str(tmp_path / "run")]
    arguments += ["--results", str(tmp_path / "results")]

    trained = runner.invoke(app, ["train", str(RECIPES / "tiny.toml"), *arguments])
    measuring = ["--data", str(data), "--split", "val"]
    measuring += ["--hazards", str(tmp_path / "run" / "tiny.json")]  # its figures lie beside it
    measured = runner.invoke(app, ["evaluate", *measuring])

    assert (trained.exit_code, measured.exit_code) == (0, 0)
    with (tmp_path / "results" / "runs.csv").open(newline="") as file:
        row, of_glance = csv.DictReader(file)
    assert (row["recipe"], row["seed"], row["draws"]) == ("tiny", "1", "480")
    assert (of_glance["recipe"], of_glance["started_from"]) == ("tiny-glance", NETWORK)
    assert 0 <= float(row["violence.blood"]) <= 1
    with Image.open(tmp_path / "run" / "curves.png") as curves:
        assert min(curves.size) > 400
    contract = json.loads((tmp_path / "run" / "tiny.json").read_text())
    origin = json.loads((tmp_path / "run" / "hazards-val.json").read_text())
    assert contract["sha256"] in json.dumps(origin)
    with (tmp_path / "run" / "hazards-val.csv").open(newline="") as file:
        subjects = {line["subject"] for line in csv.DictReader(file)}
    assert {"violence.blood", "drugs.cannabis"} <= subjects


def test_a_recipe_is_measured_leaving_sources_out_on_the_command_line(
    data: Path, examples: list[Example], tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f"base = '{RECIPES / 'tiny.toml'}'\n[optimiser]\nexamples = 32\n")
    arguments = [str(recipe), "--data", str(data), "--run-dir", str(tmp_path / "run")]

    result = CliRunner().invoke(
        app, ["crossvalidate", *arguments, "--results", str(tmp_path / "results")]
    )

    assert result.exit_code == 0
    assert "frozen" not in (tmp_path / "results" / "leave-sources-out.md").read_text()
    with (tmp_path / "results" / "leave-sources-out-tiny.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["label"] for row in rows} == {one.label for one in examples} - {""}
    assert sum(int(row["positives"]) for row in rows) == 80


def test_what_a_measurement_would_end_in_is_said_before_pictures_are_read(
    data: Path, finished: Path, tmp_path: Path
) -> None:
    results = tmp_path / "results"
    results.mkdir()
    arguments = ["crossvalidate", str(RECIPES / "tiny.toml"), "--run-dir", str(tmp_path / "run")]
    arguments += ["--data", str(data), "--results", str(results)]

    seen = CliRunner().invoke(app, [*arguments, "--initial", str(finished / NETWORK)])
    (results / "leave-sources-out-other.csv").write_text("a,b\n1,2\n")
    foreign = CliRunner().invoke(app, arguments)

    assert "none of their sources is left out" in str(seen.exception)
    assert "leave-sources-out-other.csv" in str(foreign.exception)
    assert "reading" not in seen.output + foreign.output
    assert not (tmp_path / "run").exists()
