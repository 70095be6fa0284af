"""Rules over the whole project, not over its parts."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import worksafe
from worksafe import errors
from worksafe.api.errors import STATUS_BY_ERROR
from worksafe.models.registry import CATEGORIES, DETECTORS, LABELS
from worksafe.models.spec import DetectorSpec
from worksafe.models.weights import read_weights
from worksafe.settings import Settings

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
ERRORS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.WorksafeError)
]


def test_imports_go_one_way() -> None:
    run = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_a_docstring_and_at_most_400_lines(path: Path) -> None:
    text = path.read_text()

    assert len(text.splitlines()) <= 400
    assert ast.get_docstring(ast.parse(text))


def test_the_public_names_are_the_ones_that_are_listed() -> None:
    public = {
        name
        for name in dir(worksafe)
        if not name.startswith("_") and not isinstance(getattr(worksafe, name), ModuleType)
    }

    assert public - {"TYPE_CHECKING"} == set(worksafe.__all__)
    assert sorted(worksafe.__all__) == worksafe.__all__
    assert all(getattr(worksafe, name).__name__ == name for name in worksafe.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Moderate'"):
        worksafe.Moderate  # type: ignore[attr-defined]  # noqa: B018 - asking is the test


def test_a_process_that_decodes_loads_nothing_else() -> None:
    program = "import sys, worksafe.images.isolated.worker; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    loaded = set(run.stdout.split())
    own = {name.split(".")[1] for name in loaded if name.startswith("worksafe.")}
    assert own == {"errors", "images"}
    assert not loaded & {"onnxruntime", "openvino", "pydantic", "flask"}


def test_importing_the_server_loads_no_training() -> None:
    program = (
        "import sys, worksafe.api.app, worksafe.api.server; "
        "print([name for name in sys.modules if 'torch' in name])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert run.stdout.strip() == "[]"


def test_loading_the_engine_writes_no_telemetry(tmp_path: Path) -> None:
    """ONNX Runtime's own default is to write an identifier and to send events."""
    program = "from worksafe import Moderator; Moderator().warm_up()"
    subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
    )

    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_code_a_status_and_a_place_in_the_tree(
    kind: type[errors.WorksafeError],
) -> None:
    assert "code" in vars(kind)
    assert re.fullmatch(r"[a-z0-9_]+", kind.code)
    if kind is not errors.WorksafeError:  # whose status is that of what nobody thought of
        named = STATUS_BY_ERROR.keys() - {errors.WorksafeError}
        assert any(parent in named for parent in kind.__mro__[:3])
    assert errors.__doc__ is not None
    assert kind.__name__ in errors.__doc__


def test_error_codes_are_unique() -> None:
    codes = [kind.code for kind in ERRORS]

    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("spec", DETECTORS, ids=lambda spec: spec.name)
def test_every_detector_has_weights_a_licence_and_a_card(spec: DetectorSpec) -> None:
    assert read_weights(spec.weights)
    assert spec.licence
    assert spec.source
    card = ROOT / "docs" / "model-cards" / f"{spec.name}.md"
    assert card.exists(), f"write {card.relative_to(ROOT)}"
    text = card.read_text()
    assert spec.weights.sha256 in text
    if spec.glance:
        assert read_weights(spec.glance.spec.weights)
        assert spec.glance.spec.weights.sha256 in text
        assert spec.glance.spec.labels == spec.labels
    assert spec.licence in text
    for label in spec.labels:
        assert label.name in text


def test_labels_belong_to_one_detector_each() -> None:
    names = [label.name for spec in DETECTORS for label in spec.labels]

    assert len(set(names)) == len(names) == len(LABELS)
    assert {name.partition(".")[0] for name in names} == set(CATEGORIES)
    for category in CATEGORIES:
        assert any(label.counts for label in LABELS.values() if label.category == category)


@pytest.mark.parametrize("spec", [s for s in DETECTORS if s.calibrated], ids=lambda spec: spec.name)
def test_thresholds_rise_as_fewer_false_positives_are_wanted(spec: DetectorSpec) -> None:
    assert set(spec.thresholds) == {*spec.categories, *(label.name for label in spec.labels)}
    for by_rate in spec.thresholds.values():
        ordered = [by_rate[rate] for rate in sorted(by_rate, key=float, reverse=True)]
        assert ordered == sorted(ordered)


def test_shipped_weights_stay_small() -> None:
    shipped = ROOT / "src" / "worksafe" / "models" / "shipped"

    for path in shipped.iterdir():
        assert path.stat().st_size <= 25 * 1024**2, path.name
    for path in shipped.glob("*.json"):
        json.loads(path.read_text())


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()

    for name in Settings.model_fields:
        assert f"`WORKSAFE_{name.upper()}`" in text, name


def test_every_command_and_option_has_help() -> None:
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "from worksafe.cli.main import app; import json, typer;"
            "every = lambda c: [x for n in c.commands.values() for x in (n, *every(n))]"
            " if hasattr(c, 'commands') else [];"
            "found = every(typer.main.get_command(app));"
            "print(json.dumps([[x.name, p.name, p.help] for x in found for p in x.params]))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    found = json.loads(run.stdout)
    assert {"check", "evaluate", "test", "diff"} <= {command for command, _, _ in found}
    assert [one for one in found if not one[2]] == []


def test_locks_pin_with_hashes_and_name_no_index() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        assert "://" not in text, lock.name
        assert "index" not in text, lock.name
        packages = re.split(r"^(?=\S+==\S+)", text, flags=re.MULTILINE)[1:]
        assert packages
        for package in packages:
            assert "--hash=sha256:" in package, package
            assert not package.startswith("torch==")


def test_the_version_is_one() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        assert tomllib.load(file)["project"]["version"] == worksafe.__version__
    assert f"## {worksafe.__version__}" in (ROOT / "CHANGELOG.md").read_text()
