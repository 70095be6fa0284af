import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

pytest.importorskip("torch", reason="PyTorch is not installed: make test-train installs it")

import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from recipes import RECIPES
from worksafe.cli.main import app
from worksafe.errors import TrainingError
from worksafe.evaluation.datasets import Example
from worksafe.training.config import ExportConfig, TrainingConfig, read_config
from worksafe.training.crossvalidate import cross_validate
from worksafe.training.networks.build import build_network
from worksafe.training.run_folder import NETWORK
from worksafe.training.train import train

pytestmark = pytest.mark.train


@pytest.mark.parametrize("change", ["recipe", "split", "source", "size of the first head"])
def test_a_run_is_not_taken_up_by_another_recipe_or_other_pictures(
    config: TrainingConfig, examples: list[Example], tmp_path: Path, change: str
) -> None:
    assert config.optimiser.probe_start
    next(train(config, examples, None, tmp_path))
    if change == "recipe":
        config = replace(config, optimiser=replace(config.optimiser, lr=1e-5))
    elif change == "size of the first head":
        config = replace(config, export=ExportConfig(side_px=96))
    elif change == "source":
        examples = [*examples[:-1], replace(examples[-1], source="elsewhere")]
    else:
        examples = [*examples[:-1], replace(examples[-1], split="test")]

    with pytest.raises(TrainingError, match="another recipe, other pictures"):
        next(train(config, examples, None, tmp_path))


def test_a_run_is_not_taken_up_from_other_initial_weights(
    config: TrainingConfig, examples: list[Example], finished: Path, tmp_path: Path
) -> None:
    next(train(config, examples, finished / NETWORK, tmp_path))

    with pytest.raises(TrainingError, match="other initial weights"):
        next(train(config, examples, None, tmp_path))


def test_what_would_fail_after_hours_of_training_is_refused_before(
    data: Path, tmp_path: Path
) -> None:
    def run(*more: str, where: Path = data) -> BaseException | None:
        folders = ["--run-dir", str(tmp_path / "run"), "--to", str(tmp_path / "to")]
        arguments = ["train", str(RECIPES / "tiny.toml"), "--data", str(where), *folders]
        return CliRunner().invoke(app, [*arguments, "--results", str(tmp_path), *more]).exception

    def other_data(name: str, old: str = "path", new: str = "path") -> Path:
        folder = tmp_path / name
        shutil.copytree(data, folder)
        manifest = folder / "manifest.csv"
        manifest.write_text(manifest.read_text().replace(old, new))
        return folder

    broken = other_data("broken")
    (broken / "155.png").write_bytes(b"no picture")  # of val: looked at after some hundred steps
    small = tmp_path / "small.safetensors"
    save_file({"head.weight": torch.zeros(3, 3)}, small)

    assert "no neutral pictures in val" in str(run(where=other_data("whole", ",val,", ",train,")))
    assert "no output for drugs.tea" in str(run(where=other_data("tea", ",tobacco,", ",tea,")))
    assert "155.png" in str(run(where=broken))
    assert "small.safetensors is of a network of another shape" in str(run("--average", str(small)))
    one_sided = other_data("one-sided", "neutral,,", "violence,firearm,")
    manifest = one_sided / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("val,violence,firearm,", "val,neutral,,"))
    assert "neutral pictures and others in the split train" in str(run(where=one_sided))
    assert not (tmp_path / "run").exists()  # it may still be made, once that is mended
    (tmp_path / "runs.csv").write_text("recipe,violence\n")
    assert "other columns" in str(run())
    (tmp_path / "runs.csv").unlink()
    assert "nowhere.safetensors does not exist" in str(run("--initial", "nowhere.safetensors"))
    assert "cannot be read as safetensors" in str(run("--initial", str(data / "manifest.csv")))


@pytest.mark.parametrize(
    ("setting", "mistake"),
    [
        (
            '[export]\neight_bits = true\nkept = ["blocks.7.mlp.fc9"]',
            "no linear layer blocks.7.mlp",
        ),
        ("[export]\nside_px = 80", "multiples of 32"),
        ("glance = false\n[network]\nmerge_after = 12", "12 blocks"),
        ('glance = false\n[network]\nbackbone = "alexnet"', "unknown backbone"),
        ('name = "a/b"', "name: must match"),
        ("seed = 20240101120000", "seed: must be less than"),
        ('[labels.categories]\ndrugs = ["tobacco", "tobacco"]', "a label is named twice"),
        ('[labels.categories]\ndrugs = ["tobacco", "a.b"]', "'a.b' is not the name"),
        ('[labels.categories]\nneutral = ["tobacco"]', "'neutral' is not the name"),
    ],
)
def test_what_cannot_be_built_or_written_down_is_refused_before_pictures_are_read(
    setting: str, mistake: str, data: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f"base = '{RECIPES / 'tiny.toml'}'\n{setting}\n")

    for command in (["train", "--to", str(tmp_path)], ["crossvalidate"]):
        arguments = ["--data", str(data), "--run-dir", str(tmp_path / "run")]
        arguments += ["--results", str(tmp_path / "results")]
        ran = CliRunner().invoke(app, [command[0], str(recipe), *command[1:], *arguments])
        assert mistake in str(ran.exception)
    assert not (tmp_path / "run").exists()


def test_a_folder_in_which_nothing_was_learnt_is_free_for_another_run(
    config: TrainingConfig, examples: list[Example], tmp_path: Path
) -> None:
    (tmp_path / "initial.safetensors").write_bytes(b"none")
    with pytest.raises(TrainingError, match="cannot be read as safetensors"):
        next(train(config, examples, tmp_path / "initial.safetensors", tmp_path / "run"))

    next(train(config, examples, None, tmp_path / "run"))


def test_a_run_whose_loss_is_no_number_any_more_stops(
    config: TrainingConfig, examples: list[Example], tmp_path: Path
) -> None:
    wild = replace(config, optimiser=replace(config.optimiser, lr=1e20, head_lr=1e20))

    with pytest.raises(TrainingError, match="the loss is not a number any more"):
        list(train(wild, examples, None, tmp_path))


def test_a_run_whose_gradient_is_no_number_stops_before_the_step(
    config: TrainingConfig, examples: list[Example], tmp_path: Path
) -> None:
    network = build_network(config.network, len(config.labels.outputs))
    torch.nn.init.normal_(network.head.weight, std=1e25)  # the loss is a number nevertheless
    save_file(network.state_dict(), tmp_path / "steep.safetensors")
    often = replace(config.optimiser, validate_every=1, probe_start=False)
    run_dir = tmp_path / "run"

    with pytest.raises(TrainingError, match="step 1: the gradient is not a number any more"):
        next(
            train(
                replace(config, optimiser=often), examples, tmp_path / "steep.safetensors", run_dir
            )
        )

    assert not (run_dir / "checkpoint.pt").exists()


def test_an_interrupted_run_goes_on_and_ends_as_if_it_had_not_been(
    config: TrainingConfig, examples: list[Example], finished: Path, tmp_path: Path
) -> None:
    stopped = train(config, examples, None, tmp_path)
    for state in stopped:
        if state.validation:
            break
    stopped.close()

    with (tmp_path / "metrics.csv").open("a") as file:  # of one that was killed right after that
        file.write("40,9.9\n")
    resumed = list(train(config, examples, None, tmp_path))
    steps = [line.partition(",")[0] for line in (tmp_path / "metrics.csv").read_text().splitlines()]

    assert steps[:3] == ["step", "20", "30"]
    assert resumed[0].step == config.optimiser.validate_every + 1
    assert resumed[0].loss == pytest.approx(state.loss, rel=0.1)  # its running mean goes on
    once = load_file(finished / "network.safetensors")
    twice = load_file(tmp_path / "network.safetensors")
    for name, tensor in once.items():
        torch.testing.assert_close(tensor, twice[name], atol=1e-4, rtol=1e-3)


def test_a_run_that_was_ended_after_its_last_step_still_tells_its_figures(
    config: TrainingConfig, examples: list[Example], finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run" / NETWORK).unlink()

    (last,) = train(config, examples, None, tmp_path / "run")

    assert last.step == last.steps == 480 // 16
    assert last.validation
    assert (tmp_path / "run" / NETWORK).exists()
    assert list(train(config, examples, None, tmp_path / "run")) == []


def test_what_leaves_sources_out_does_not_begin_with_what_has_seen_them(
    config: TrainingConfig, examples: list[Example], finished: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="none of their sources is left out"):
        next(cross_validate(config, examples, finished / NETWORK, tmp_path))


def test_a_glance_that_is_no_smaller_is_refused_before_the_training(
    config: TrainingConfig,
) -> None:
    with pytest.raises(ValidationError, match="its side_px is not below 32"):
        replace(config, export=ExportConfig(side_px=32))


def test_a_glance_of_other_labels_or_with_a_glance_is_refused(tmp_path: Path) -> None:
    recipe, glance = tmp_path / "recipe.toml", tmp_path / "glance.toml"
    recipe.write_text(
        f"base = '{RECIPES / 'tiny.toml'}'\n[glance]\nrecipe = 'glance.toml'\nsettles_below = 0.1\n"
    )
    glance.write_text(f"base = '{RECIPES / 'tiny-glance.toml'}'\n[labels]\nreported_only = []\n")
    with pytest.raises(TrainingError, match="the same labels"):
        read_config(recipe)

    glance.write_text(f"base = '{RECIPES / 'tiny.toml'}'\n[network]\nside_px = 32\n")
    with pytest.raises(TrainingError, match=r"glance\.toml is of a glance, and has a glance"):
        read_config(recipe)
