"""The whole chain on generated pictures: data, training, resuming, export, equality."""

import csv
import hashlib
import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

pytest.importorskip("torch", reason="PyTorch is not installed: make test-train installs it")

import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from worksafe.cli.main import app
from worksafe.engine.detector import load_detectors
from worksafe.engine.session import OnnxSession
from worksafe.errors import TrainingError
from worksafe.evaluation.datasets import Example, read_pixels
from worksafe.evaluation.metrics import roc_auc
from worksafe.images.resize import RgbImage, normalise, resize_image
from worksafe.models.hazards import read_spec
from worksafe.training.augment import STEPS, augment, lay_on
from worksafe.training.calibrate import thresholds
from worksafe.training.config import ExportConfig, TrainingConfig, read_config
from worksafe.training.crossvalidate import cross_validate
from worksafe.training.data import (
    MEAN,
    STD,
    TrainingPictures,
    draw_examples,
    targets,
)
from worksafe.training.export import export
from worksafe.training.folds import SourceFigures
from worksafe.training.loss import masked_loss
from worksafe.training.networks.base import FIRST_BIAS
from worksafe.training.networks.build import build_network, load_network
from worksafe.training.networks.vit import WIDTH, VisionTransformer
from worksafe.training.preflight import refuse_unlearnable
from worksafe.training.probe import describe, describe_as_exported, start_head
from worksafe.training.run_folder import GLANCE, NETWORK
from worksafe.training.train import predict, train

pytestmark = pytest.mark.train

CONFIGS = Path(__file__).parents[2] / "src" / "worksafe" / "training" / "configs"


def test_a_run_is_exported_and_onnx_says_what_pytorch_says(
    config: TrainingConfig, examples: list[Example], finished: Path, tmp_path: Path
) -> None:
    path = export(config, examples, finished, tmp_path)

    contract = json.loads(path.with_suffix(".json").read_text())
    assert contract["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert tuple(contract["outputs"]) == config.labels.outputs
    assert b'File "' not in path.read_bytes()  # nothing of the machine that trained
    assert all(fit["slope"] > 0 for fit in contract["calibration"].values())
    ended = finished / "network.safetensors"
    network = load_network(config.network, len(config.labels.outputs), ended)
    side_px = config.network.side_px
    pixels = np.random.default_rng(3).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    planes = normalise(resize_image(pixels, side_px, side_px), MEAN, STD)
    logits, maps = OnnxSession(path.read_bytes()).run(planes, ["logits", "maps"])
    with torch.inference_mode():
        expected_logits, expected_maps = network(torch.from_numpy(planes))
    np.testing.assert_allclose(logits, expected_logits, atol=1e-4)
    np.testing.assert_allclose(maps, expected_maps, atol=1e-4)


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
        arguments = ["train", str(CONFIGS / "tiny.toml"), "--data", str(where), *folders]
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
    ("text", "mistake"),
    [
        ("base = 5", "base must be the name of a file"),
        ("glance = true", "glance"),
        ("[glance]\nrecipe = 5", "glance.recipe must be the name of a file"),
        ('base = "plain.toml"\n[glance]\nsettles_below = 0.1', "glance"),
    ],
)
def test_a_setting_of_the_wrong_kind_is_named(text: str, mistake: str, tmp_path: Path) -> None:
    (tmp_path / "plain.toml").write_text("glance = false")
    (tmp_path / "recipe.toml").write_text(text)

    with pytest.raises(TrainingError, match=mistake):
        read_config(tmp_path / "recipe.toml")


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
        ('name = "a/b"', "name: String should match"),
        ("seed = 20240101120000", "seed: Input should be less than"),
        ('[labels.categories]\ndrugs = ["tobacco", "tobacco"]', "a label is named twice"),
        ('[labels.categories]\ndrugs = ["tobacco", "a.b"]', "'a.b' is no name"),
        ('[labels.categories]\nneutral = ["tobacco"]', "'neutral' is no name"),
    ],
)
def test_what_cannot_be_built_or_written_down_is_refused_before_pictures_are_read(
    setting: str, mistake: str, data: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f"base = '{CONFIGS / 'tiny.toml'}'\n{setting}\n")

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

    with pytest.raises(TrainingError, match="the loss is no number any more"):
        list(train(wild, examples, None, tmp_path))


def test_a_run_whose_gradient_is_no_number_stops_before_the_step(
    config: TrainingConfig, examples: list[Example], tmp_path: Path
) -> None:
    network = build_network(config.network, len(config.labels.outputs))
    torch.nn.init.normal_(network.head.weight, std=1e25)  # the loss is a number nevertheless
    save_file(network.state_dict(), tmp_path / "steep.safetensors")
    often = replace(config.optimiser, validate_every=1, probe_start=False)
    run_dir = tmp_path / "run"

    with pytest.raises(TrainingError, match="step 1: the gradient is no number any more"):
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


def test_an_unfinished_run_is_not_exported(
    config: TrainingConfig, examples: list[Example], tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="no finished run"):
        export(config, examples, tmp_path, tmp_path)


def test_a_network_that_says_something_else_is_not_exported(
    config: TrainingConfig,
    examples: list[Example],
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("worksafe.training.export.MAX_DIFFERENCE", -1.0)

    with pytest.raises(TrainingError, match="differs by"):
        export(config, examples, finished, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_nothing_is_replaced_where_a_glance_is_not_exported(
    config: TrainingConfig, examples: list[Example], finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run" / GLANCE / NETWORK).unlink()
    to = tmp_path / "to"
    to.mkdir()
    for name in ("tiny.onnx", "tiny-glance.onnx", "tiny.json"):
        (to / name).write_text("earlier")

    with pytest.raises(TrainingError, match="no finished run"):
        export(config, examples, tmp_path / "run", to)

    assert {path.name: path.read_text() for path in to.iterdir()} == dict.fromkeys(
        ("tiny.onnx", "tiny-glance.onnx", "tiny.json"), "earlier"
    )


def test_a_network_is_exported_for_another_size_than_it_learnt_at(
    config: TrainingConfig, examples: list[Example], finished: Path, tmp_path: Path
) -> None:
    path = export(replace(config, export=ExportConfig(side_px=96)), examples, finished, tmp_path)

    assert json.loads(path.with_suffix(".json").read_text())["side_px"] == 96
    planes = np.zeros((1, 3, 96, 96), dtype=np.float32)
    (maps,) = OnnxSession(path.read_bytes()).run(planes, ["maps"])
    assert maps.shape[2:] == (3, 6)  # places of 16 px, of which two become one


def test_a_glance_is_exported_beside_and_serving_reads_both(
    config: TrainingConfig, examples: list[Example], finished: Path, tmp_path: Path
) -> None:
    assert config.glance
    often = replace(config.glance, settles_below=0.5)

    path = export(replace(config, glance=often), examples, finished, tmp_path)

    spec = read_spec(path.with_suffix(".json"))
    assert spec.glance is not None
    assert (spec.side_px, spec.glance.spec.side_px, spec.glance.settles_below) == (64, 32, 0.5)
    (detector,) = load_detectors([spec])
    held = [one for one in examples if one.split == "val" and one.category == "neutral"]
    served = [detector.score(read_pixels(one, 96)) for one in held]
    for name, by_rate in spec.thresholds.items():
        scores = [{**one.labels, **one.categories}[name] for one in served]
        assert by_rate == pytest.approx(thresholds(np.array(scores)), abs=1e-3)


def test_a_glance_that_is_no_smaller_is_refused_before_the_training(
    config: TrainingConfig,
) -> None:
    with pytest.raises(ValidationError, match="its side_px is not below 32"):
        replace(config, export=ExportConfig(side_px=32))


def test_a_glance_of_other_labels_or_with_a_glance_is_refused(tmp_path: Path) -> None:
    recipe, glance = tmp_path / "recipe.toml", tmp_path / "glance.toml"
    recipe.write_text(
        f"base = '{CONFIGS / 'tiny.toml'}'\n[glance]\nrecipe = 'glance.toml'\nsettles_below = 0.1\n"
    )
    glance.write_text(f"base = '{CONFIGS / 'tiny-glance.toml'}'\n[labels]\nreported_only = []\n")
    with pytest.raises(TrainingError, match="the same labels"):
        read_config(recipe)

    glance.write_text(f"base = '{CONFIGS / 'tiny.toml'}'\n[network]\nside_px = 32\n")
    with pytest.raises(TrainingError, match=r"glance\.toml is of a glance, and has a glance"):
        read_config(recipe)


def test_linear_layers_are_exported_in_eight_bits_but_for_those_kept(
    config: TrainingConfig, examples: list[Example], finished: Path, tmp_path: Path
) -> None:
    short = replace(config, export=ExportConfig(eight_bits=True, kept=("blocks.7.mlp.fc2",)))

    rounded = export(short, examples, finished, tmp_path / "rounded")

    whole = export(config, examples, finished, tmp_path / "whole")
    assert rounded.stat().st_size < 0.5 * whole.stat().st_size
    weights = {one.name: one for one in onnx.load(str(rounded)).graph.initializer}
    assert "blocks.7.mlp.fc2.weight" in weights
    small = numpy_helper.to_array(weights["blocks.7.mlp.fc1.weight_quantized"])
    assert small.dtype == np.int8
    assert np.abs(small).max() <= 64  # two products add up in sixteen bits on any processor
    planes = np.random.default_rng(3).normal(size=(1, 3, 64, 64)).astype(np.float32)
    exact, near = (
        OnnxSession(path.read_bytes()).run(planes, ["logits"])[0] for path in (whole, rounded)
    )
    np.testing.assert_allclose(near, exact, atol=0.3)
    assert not np.array_equal(near, exact)


def test_eight_bits_that_say_something_else_are_not_exported(
    config: TrainingConfig,
    examples: list[Example],
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("worksafe.training.export.MAX_ROUNDING", 1e-6)
    short = replace(config, export=ExportConfig(eight_bits=True))

    with pytest.raises(TrainingError, match=r"kept in float \(export\.kept\)"):
        export(short, examples, finished, tmp_path)


def test_a_layer_to_keep_in_float_has_to_be_there(
    config: TrainingConfig, examples: list[Example], finished: Path, tmp_path: Path
) -> None:
    short = replace(config, export=ExportConfig(eight_bits=True, kept=("blocks.99.mlp.fc2",)))

    with pytest.raises(TrainingError, match=r"no linear layer blocks\.99\.mlp\.fc2"):
        export(short, examples, finished, tmp_path)


def test_pretrained_weights_are_taken_over_and_fitted_to_the_size(tmp_path: Path) -> None:
    source = VisionTransformer(3, 224)
    torch.nn.init.normal_(source.pos_embed)
    tensors = {name: t for name, t in source.state_dict().items() if not name.startswith("head.")}
    save_file(tensors, tmp_path / "whole.safetensors")
    network = VisionTransformer(5, 96, merge_after=4)

    network.start_from(tmp_path / "whole.safetensors")

    loaded = network.state_dict()
    for name in ("blocks.3.attn.qkv.weight", "norm.bias", "patch_embed.proj.weight"):
        assert torch.equal(loaded[name], tensors[name])
    assert torch.equal(network.pos_embed[:, 0], source.pos_embed[:, 0])
    assert network.pos_embed.shape == (1, 37, 192)
    del tensors["norm.bias"]
    save_file(tensors, tmp_path / "part.safetensors")
    with pytest.raises(TrainingError, match=r"norm\.bias"):
        network.start_from(tmp_path / "part.safetensors")


def example(category: str, label: str, **changes: object) -> Example:
    made = Example(Path("x"), "train", category, label, "", False, "s", "g")
    return replace(made, **changes)  # type: ignore[arg-type]  # names of fields


def known(config: TrainingConfig, shown: Example) -> dict[str, tuple[float, float]]:
    values, weights = targets(shown, config.labels, config.sampling)
    return dict(zip(config.labels.outputs, zip(values, weights, strict=True), strict=True))


def test_a_label_says_nothing_about_the_other_category_and_neutral_says_no_to_all() -> None:
    config = read_config(CONFIGS / "hazards.toml")

    armed = known(config, example("violence", "violence.firearm"))
    smoking = known(config, example("drugs", "drugs.tobacco"))
    neutral = known(config, example("neutral", ""))

    assert armed["violence"] == armed["violence.firearm"] == (1, 1)
    assert armed["violence.unrest"][1] == 0  # often together: left open
    assert armed["violence.explosive"][0] == 0 < armed["violence.explosive"][1] < 1
    assert all(weight == 0 for name, (_, weight) in armed.items() if name.startswith("drugs"))
    assert smoking["drugs"][0] == 0 < smoking["drugs"][1]  # reported, not counted
    assert set(neutral.values()) == {(0, 1)}
    weak = known(config, example("violence", "violence.firearm", weak=True))
    assert 0 < weak["violence.firearm"][1] < 1


def test_unknown_targets_move_nothing() -> None:
    logits = torch.tensor([[3.0, -2.0]], requires_grad=True)
    weights = torch.tensor([[1.0, 0.0]])

    masked_loss(logits, torch.zeros(1, 2), weights).backward()

    assert logits.grad is not None
    assert logits.grad[0, 0] > 0
    assert logits.grad[0, 1] == 0


def test_draws_are_balanced_between_labels_and_between_sources(config: TrainingConfig) -> None:
    pool = [
        *[example("neutral", "")] * 500,
        *[example("violence", "violence.blood", source="big")] * 90,
        *[example("violence", "violence.blood", source="small")] * 10,
        *[example("drugs", "drugs.cannabis")] * 25,
    ]
    even = replace(config.sampling, neutral_share=0.5, label_power=0.0, source_power=0.0)

    drawn = draw_examples(pool, even, 8000, seed=1)

    counts = Counter((pool[i].label, pool[i].source) for i in drawn)
    assert counts["", "s"] == pytest.approx(4000, rel=0.1)
    assert counts["drugs.cannabis", "s"] == pytest.approx(2000, rel=0.1)
    assert counts["violence.blood", "small"] == pytest.approx(1000, rel=0.15)
    with pytest.raises(TrainingError, match="neutral"):
        refuse_unlearnable(config.labels, pool[500:])


def test_augmentation_depends_on_the_seed_alone() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)

    once = [augment(picture, np.random.default_rng(seed)) for seed in range(30)]
    again = [augment(picture, np.random.default_rng(seed)) for seed in range(30)]

    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
    assert len({a.tobytes() for a in once}) > 25
    assert all(a.dtype == np.uint8 and a.shape[2] == 3 and min(a.shape[:2]) > 30 for a in once)


def test_a_picture_lies_whole_on_another() -> None:
    picture = np.random.default_rng(1).integers(1, 256, (60, 80, 3), dtype=np.uint8)
    background = np.zeros((33, 44, 3), dtype=np.uint8)

    laid = lay_on(picture, background, np.random.default_rng(2))

    rows, columns = np.nonzero(laid.any(axis=2))
    inside = laid[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert np.array_equal(inside, picture)
    assert 0.3 < picture.size / laid.size < 0.82


def test_a_collage_lies_on_neutral_pictures_and_keeps_its_targets(
    config: TrainingConfig, examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    learning = [example for example in examples if example.split == "train"]
    drawn = np.arange(16)
    backgrounds: list[RgbImage] = []

    def note(image: RgbImage, background: RgbImage, _: np.random.Generator) -> RgbImage:
        backgrounds.append(background)
        return image

    monkeypatch.setattr("worksafe.training.data.lay_on", note)

    plain, laid = (
        TrainingPictures(
            learning,
            drawn,
            config.labels,
            replace(config.sampling, collage=share),
            side_px=32,
            seed=1,
        )
        for share in (0.0, 1.0)
    )

    for at in range(len(drawn)):
        assert all(map(torch.equal, plain[at][1:], laid[at][1:]))
    neutral = [read_pixels(one, 64) for one in learning if one.category == "neutral"]
    assert len(backgrounds) == len(drawn)
    assert all(any(np.array_equal(one, some) for some in neutral) for one in backgrounds)


@pytest.mark.parametrize("step", [step for _, step in STEPS], ids=lambda step: step.__name__)
def test_every_change_takes_tiny_pictures_too(step: object) -> None:
    changed = step(Image.new("RGB", (9, 5), (10, 200, 30)), np.random.default_rng(0))  # type: ignore[operator]

    assert changed.mode == "RGB"
    assert min(changed.size) >= 1


@pytest.mark.parametrize(
    ("setting", "mistake"),
    [
        ("seed = -1", "seed: Input should be greater than or equal to 0"),
        ("[optimiser]\nbatch = 0", "optimiser.batch: Input should be greater than 0"),
        ("[optimiser]\nvalidate_every = 0", "optimiser.validate_every"),
        ("[optimiser]\nlr = nan", "optimiser.lr: Input should be a finite number"),
        ('[optimiser]\nexamples = "many"', "optimiser.examples: Input should be a valid integer"),
        ("[optimiser]\nexamples = 8", "optimiser: examples are fewer than one batch"),
        ("[sampling]\nneutral_share = 1.2", "sampling.neutral_share"),
        ("[glance]\nsettles_below = 3.0", "glance.settles_below"),
        ('[labels]\nreported_only = ["drugs.tea"]', "labels: there is no label drugs.tea"),
        ('[labels.categories]\ndrugs = ["tobacco"]', "labels: there is no label drugs"),
        ("[teacher]\nside_px = 32\nshare = 0.5", "a teacher sees no less than its pupil"),
        ("[teacher]\nside_px = 64\nshare = 0.5\nfeatures = 1.0", "kept_share must be 1"),
        ('glance = false\n[network]\nbackbone = "mobilenet_v2"\n[teacher]\nside_px = 64\nshare = 1',
         "only a vit_tiny can learn from a teacher"),
        ('[network]\nbackbone = "mobilenet_v2"', "both are a vit_tiny"),
        ('[network]\npooling = "mean"', "pools as the full look: pooling must be 'mean'"),
        ("[network]\nmerge_after = 6", "merge_after must be 6, and merged 2"),
        ("[network]\nmerged = 4", "merge_after must be 4, and merged 4"),
        ('glance = false\n[network]\nbackbone = "mobilenet_v2"\n[export]\neight_bits = true',
         "only a vit_tiny has layers for eight bits"),
    ],
)  # fmt: skip
def test_a_setting_that_makes_no_sense_is_refused_by_its_name(
    setting: str, mistake: str, tmp_path: Path
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(f"base = '{CONFIGS / 'tiny.toml'}'\n{setting}\n")

    with pytest.raises(TrainingError, match=re.escape(mistake)):
        read_config(path)


def test_a_category_that_nothing_counts_towards_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(
        f"base = '{CONFIGS / 'tiny.toml'}'\n[labels]\ntogether = []\n"
        '[labels.categories]\ndrugs = ["tobacco"]\n'
    )

    with pytest.raises(TrainingError, match="no label counts towards drugs"):
        read_config(path)


def test_a_recipe_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(b"name = '\xff'")

    with pytest.raises(TrainingError, match="cannot read the recipe"):
        read_config(path)


@pytest.mark.parametrize(
    "change",
    [("seed = 1", "sed = 1"), ("batch =", "bach ="), ("[network]", "[netwrk]"), ("seed = 1", "=")],
)
def test_a_misspelt_recipe_is_refused(change: tuple[str, str], tmp_path: Path) -> None:
    text = (CONFIGS / "common.toml").read_text()
    path = tmp_path / "recipe.toml"
    path.write_text(text.replace(*change))

    with pytest.raises(TrainingError, match=r"recipe\.toml"):
        read_config(path)


def test_a_recipe_says_only_how_it_differs_from_its_base(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(f"base = '{CONFIGS / 'tiny.toml'}'\nname = 'other'\n[network]\nside_px = 96\n")

    recipe, base = read_config(path), read_config(CONFIGS / "tiny.toml")

    assert recipe == replace(base, name="other", network=replace(base.network, side_px=96))
    path.write_text("base = 'recipe.toml'\n")
    with pytest.raises(TrainingError, match="its own base"):
        read_config(path)


def test_a_recipe_may_leave_out_the_glance_of_its_base(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f"base = '{CONFIGS / 'tiny.toml'}'\nglance = false\n")

    assert read_config(CONFIGS / "tiny.toml").glance
    assert read_config(recipe).glance is None


def test_every_released_recipe_can_be_read() -> None:
    for path in CONFIGS.glob("*.toml"):
        assert read_config(path).labels.outputs


def test_from_labelled_pictures_to_measured_weights_on_the_command_line(
    data: Path, tmp_path: Path
) -> None:
    """The whole chain: train, export, equality, evaluation of what came out."""
    runner = CliRunner()
    arguments = ["--data", str(data), "--run-dir", str(tmp_path / "run")]
    arguments += ["--results", str(tmp_path / "results")]

    trained = runner.invoke(app, ["train", str(CONFIGS / "tiny.toml"), *arguments])
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
    recipe.write_text(f"base = '{CONFIGS / 'tiny.toml'}'\n[optimiser]\nexamples = 32\n")
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
    arguments = ["crossvalidate", str(CONFIGS / "tiny.toml"), "--run-dir", str(tmp_path / "run")]
    arguments += ["--data", str(data), "--results", str(results)]

    seen = CliRunner().invoke(app, [*arguments, "--initial", str(finished / NETWORK)])
    (results / "leave-sources-out-other.csv").write_text("a,b\n1,2\n")
    foreign = CliRunner().invoke(app, arguments)

    assert "none of their sources is left out" in str(seen.exception)
    assert "leave-sources-out-other.csv" in str(foreign.exception)
    assert "reading" not in seen.output + foreign.output
    assert not (tmp_path / "run").exists()


def test_a_head_starts_as_the_regression_on_what_the_backbone_sees(
    config: TrainingConfig, examples: list[Example]
) -> None:
    plain = replace(config.network, merge_after=0, pooling="mean")
    mean = replace(config, network=plain, glance=None)
    network = build_network(mean.network, len(mean.labels.outputs))
    learning = [example for example in examples if example.split == "train"]
    backbone = {name: value.clone() for name, value in network.state_dict().items()}

    seen = describe_as_exported(network, mean, learning)
    start_head(network, mean, learning, seen)

    logits = predict(network.eval(), learning, mean.network.side_px)
    outputs = mean.labels.outputs
    for label in {one.label for one in examples} - {""}:
        shown = np.array([example.label == label for example in learning])
        assert roc_auc(logits[:, outputs.index(label)], shown) > 0.9
    unknown = logits[:, outputs.index("violence.unrest")]  # no picture shows it
    np.testing.assert_allclose(unknown, FIRST_BIAS, atol=1e-5)
    after = network.state_dict()
    assert all(torch.equal(after[name], backbone[name]) for name in backbone if "head" not in name)


def test_a_regression_leans_more_on_the_class_token_than_on_places(
    config: TrainingConfig, examples: list[Example]
) -> None:
    network = build_network(config.network, len(config.labels.outputs))
    learning = [example for example in examples if example.split == "train"]
    rng = np.random.default_rng(0)
    halves = rng.normal(size=(len(learning), WIDTH)).astype(np.float32)
    halves[[bool(example.label) for example in learning]] += 0.3
    seen = {one.path: np.tile(half, 2) for one, half in zip(learning, halves, strict=True)}

    start_head(network, config, learning, seen)

    of_class, of_places = network.head.weight.detach().abs().split(WIDTH, dim=1)
    assert 0 < of_places.sum() < 0.5 * of_class.sum()


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


def test_what_a_network_sees_makes_its_logits(
    config: TrainingConfig, examples: list[Example], finished: Path
) -> None:
    network = load_network(config.network, len(config.labels.outputs), finished / NETWORK)
    some = examples[:20]
    assert isinstance(network, VisionTransformer)
    network.pooling = "mean"  # with softmax the head is applied before the mean

    seen = describe(network.train(), some, config.network.side_px)

    assert network.training  # as it was
    with torch.inference_mode():
        logits = network.head(torch.from_numpy(np.stack([seen[one.path] for one in some])))
    expected = predict(network.eval(), some, config.network.side_px)
    np.testing.assert_allclose(logits, expected, atol=0.05)  # seen in bfloat16 where there is


def test_what_is_kept_lies_between_the_start_and_the_average(
    config: TrainingConfig, examples: list[Example], tmp_path: Path
) -> None:
    few = replace(config.optimiser, examples=64, start_share=1.0)

    list(train(replace(config, optimiser=few), examples, None, tmp_path))
    kept = load_file(tmp_path / "network.safetensors")
    start = load_file(tmp_path / "start.safetensors")
    assert all(torch.allclose(kept[name], start[name]) for name in start)

    none = replace(few, start_share=0.0)  # the run is over: only the mixture is made anew
    list(train(replace(config, optimiser=none), examples, None, tmp_path))
    average = load_file(tmp_path / "network.safetensors")
    assert not torch.allclose(average["norm.weight"], start["norm.weight"], atol=1e-7)


def test_runs_are_averaged(
    config: TrainingConfig, examples: list[Example], finished: Path, tmp_path: Path
) -> None:
    few = replace(config.optimiser, examples=64, start_share=0.0)
    short = replace(config, optimiser=few)
    list(train(short, examples, None, tmp_path))
    alone = load_file(tmp_path / "network.safetensors")
    other = load_file(finished / "network.safetensors")

    list(train(short, examples, None, tmp_path, others=[finished / "network.safetensors"]))

    mean = load_file(tmp_path / "network.safetensors")
    for name, tensor in mean.items():
        torch.testing.assert_close(tensor, (alone[name] + other[name]) / 2)
