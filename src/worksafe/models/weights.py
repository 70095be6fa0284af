"""Find a detector's weights on disk and check that they are the ones its spec names.

Nothing is ever downloaded: weights come with installed packages.
"""

import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

from worksafe.errors import WeightsError
from worksafe.models.spec import WeightsFile

SHIPPED = Path(__file__).parent / "shipped"


def read_weights(weights: WeightsFile) -> bytes:
    """Read weights and check their hash.

    Parameters
    ----------
    weights : WeightsFile
        Where they lie and what they must be.

    Returns
    -------
    bytes
        The ONNX file's content.

    Raises
    ------
    WeightsError
        If the package or file is absent, or the content is another than the spec's.
    """
    path = find_weights(weights)
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != weights.sha256:
        msg = f"{weights.filename} has SHA-256 {found}; the spec names {weights.sha256}"
        raise WeightsError(msg)
    return content


def find_weights(weights: WeightsFile) -> Path:
    """Find weights without importing the package that carries them.

    Parameters
    ----------
    weights : WeightsFile
        Where they lie.

    Returns
    -------
    Path

    Raises
    ------
    WeightsError
        If the package or the file is absent.
    """
    if not weights.package:
        return _existing(Path(weights.filename), f"there is no file {weights.filename}")
    spec = importlib.util.find_spec(weights.package)
    if spec is None or not spec.submodule_search_locations:
        msg = f"the package {weights.package}, which carries the weights, is not installed"
        raise WeightsError(msg)
    path = Path(spec.submodule_search_locations[0]) / weights.filename
    return _existing(path, f"the package {weights.package} has no file {weights.filename}")


def _existing(path: Path, otherwise: str) -> Path:
    if not path.is_file():
        raise WeightsError(otherwise)
    return path


def read_contract(path: Path) -> dict[str, Any]:
    """Read what training wrote beside weights: labels, calibration, thresholds, hash.

    Parameters
    ----------
    path : Path
        A JSON file.

    Returns
    -------
    dict

    Raises
    ------
    WeightsError
        If it cannot be read.
    """
    try:
        contract: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"the contract {path.name} beside the weights cannot be read"
        raise WeightsError(msg) from error
    return contract
