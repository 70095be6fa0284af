from dataclasses import replace
from pathlib import Path

import pytest

from worksafe.engine.detector import load_detectors
from worksafe.errors import WeightsError
from worksafe.models import hazards, nudity
from worksafe.models.weights import find_weights, read_contract, read_weights


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"package": "no_such_package"}, "no_such_package, which carries the weights"),
        ({"filename": "absent.onnx"}, "has no file absent.onnx"),
        ({"sha256": "0" * 64}, "the spec names 0000"),
        ({"package": "", "filename": "/absent.onnx"}, "no file /absent.onnx"),
    ],
)
def test_weights_that_are_not_the_specs_are_never_loaded(
    change: dict[str, str], message: str
) -> None:
    spec = replace(nudity.SPEC, weights=replace(nudity.SPEC.weights, **change))

    with pytest.raises(WeightsError, match=message):
        load_detectors([spec])


def test_weights_are_found_without_importing_their_package() -> None:
    assert find_weights(hazards.SPEC.weights).name == "hazards.onnx"
    assert len(read_weights(hazards.SPEC.weights)) > 1_000_000


@pytest.mark.parametrize("content", [None, "no json"])
def test_a_contract_that_cannot_be_read_is_an_error(content: str | None, tmp_path: Path) -> None:
    if content:
        (tmp_path / "hazards.json").write_text(content)

    with pytest.raises(WeightsError, match=r"hazards\.json"):
        read_contract(tmp_path / "hazards.json")
