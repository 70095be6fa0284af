from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: make test-train installs it")

import onnx
from onnx import numpy_helper

from worksafe.engine.session import OnnxSession
from worksafe.errors import TrainingError
from worksafe.evaluation.datasets import Example
from worksafe.training.config import ExportConfig, TrainingConfig
from worksafe.training.export import export

pytestmark = pytest.mark.train


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


def test_the_head_may_be_kept_in_float(
    config: TrainingConfig, examples: list[Example], finished: Path, tmp_path: Path
) -> None:
    short = replace(config, export=ExportConfig(eight_bits=True, kept=("head",)))

    assert export(short, examples, finished, tmp_path).is_file()
