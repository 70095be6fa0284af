import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: make test-train installs it")

import torch

from worksafe.engine.detector import load_detectors
from worksafe.engine.session import OnnxSession
from worksafe.errors import TrainingError
from worksafe.evaluation.datasets import Example, read_pixels
from worksafe.images.resize import normalise, resize_image
from worksafe.models.hazards import read_spec
from worksafe.training.calibrate import thresholds
from worksafe.training.config import ExportConfig, TrainingConfig
from worksafe.training.data import (
    MEAN,
    STD,
)
from worksafe.training.export import export
from worksafe.training.networks.build import load_network
from worksafe.training.run_folder import GLANCE, NETWORK

pytestmark = pytest.mark.train


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
