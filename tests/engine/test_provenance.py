import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

import worksafe
from worksafe.engine.cache import MemoryCache, Recall
from worksafe.engine.provenance import provenance
from worksafe.images.limits import ImageLimits

PACKAGE = Path(worksafe.__file__).parent


def copy_with(tmp_path: Path, changed: str) -> Path:
    """The package without weights, and one file of it with another end."""
    copy = tmp_path / "worksafe"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("*.onnx", "__pycache__"))
    with (copy / changed).open("a", encoding="utf-8") as file:
        file.write("\n")
    return copy


@pytest.mark.parametrize(
    "changed",
    ["images/decode.py", "models/spec.py", "models/shipped/hazards.json", "engine/scoring.py"],
)
def test_code_and_contracts_that_decode_or_score_are_told_apart(
    tmp_path: Path, changed: str
) -> None:
    assert provenance(copy_with(tmp_path, changed)) != provenance(PACKAGE)


def test_other_code_and_another_place_change_nothing(tmp_path: Path) -> None:
    assert provenance(copy_with(tmp_path, "policy/decide.py")) == provenance(PACKAGE)


@pytest.mark.parametrize("library", ["pillow", "av", "pi-heif", "numpy", "onnxruntime"])
def test_another_version_of_a_decoder_looks_anew(
    monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    def key() -> str:
        provenance.cache_clear()
        return Recall(MemoryCache(1), [], ImageLimits()).key(b"a picture", "never")

    before = key()
    monkeypatch.setattr(
        "worksafe.engine.provenance.version",
        lambda name: "0" if name == library else version(name),
    )
    after = key()
    provenance.cache_clear()

    assert before != after
