"""Hazards: violence and drugs from one network that this project trains.

Training writes the weights and, beside them, the contract that is read here: outputs, input,
calibration, thresholds by false-positive rate, hash; and the same of a glance, where there is one.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worksafe.errors import WeightsError
from worksafe.models.spec import (
    DetectorSpec,
    Glance,
    Label,
    Placement,
    WeightsFile,
    category_scores,
)
from worksafe.models.weights import SHIPPED, read_contract
from worksafe.results import HeatMap, Scores

_LEAST_MAPPED = 0.05  # no shipped policy minds less, and a film has thousands of frames

_SHOWS = {
    "violence.fighting": "people who hit, kick, wrestle or attack each other in earnest",
    "violence.firearm": "a handgun, rifle or other gun, in use or alone",
    "violence.blade": "a knife, sword or axe as a weapon",
    "violence.explosive": "a grenade, bomb, mine or explosion",
    "violence.blood": "wounds and blood",
    "violence.unrest": "riot and war",
    "drugs.cannabis": "cannabis plants, buds, hash, joints",
    "drugs.substances": "pills in quantity, powder, blotters, psychoactive mushrooms",
    "drugs.injection": "syringes",
    "drugs.paraphernalia": "bongs, pipes, grinders, rolling papers",
    "drugs.tobacco": "cigarettes, vapes and hookahs, and people who smoke",
}


def make_spec(contract: Mapping[str, Any], package: str, stem: str) -> DetectorSpec:
    """Describe a network by the contract that training wrote beside it.

    Parameters
    ----------
    contract : mapping
        Outputs, input, arithmetic, calibration, thresholds.
    package, stem : str
        The installed package that carries the ONNX files, empty for files of their own, and where
        in it they lie: ``<stem>.onnx`` and, of the glance, ``<stem>-glance.onnx``.

    Returns
    -------
    DetectorSpec
        Scores are calibrated probabilities (Platt scaling).

    References
    ----------
    .. [1] Platt, "Probabilistic Outputs for Support Vector Machines", 1999.
    """
    # The network has an output for each category too, which training profits from; it is not used.
    names = [output for output in contract["outputs"] if "." in output]
    labels = tuple(
        Label(name, _SHOWS.get(name, name), counts=name not in contract["reported_only"])
        for name in names
    )
    spec = DetectorSpec(
        name=contract["name"],
        version=contract["version"],
        licence=contract["licence"],
        source="trained by this project: docs/model-cards/hazards.md",
        weights=WeightsFile(package, f"{stem}.onnx", contract["sha256"]),
        labels=labels,
        fit="stretch",
        side_px=contract["side_px"],
        multiple=contract["side_px"],
        colour_order="rgb",
        mean=tuple(contract["mean"]),
        std=tuple(contract["std"]),
        outputs=("logits",),
        maps=("maps",),
        interpret=_interpreter(labels, contract["outputs"], contract["calibration"]),
        eight_bits=contract["eight_bits"],
        calibrated=True,
        thresholds=contract["thresholds"],
        contract_sha256=hashlib.sha256(json.dumps(contract).encode()).hexdigest(),
    )
    if "glance" not in contract:
        return spec
    quick = contract["glance"]
    glance = replace(
        spec,
        weights=WeightsFile(package, f"{stem}-glance.onnx", quick["sha256"]),
        side_px=quick["side_px"],
        multiple=quick["side_px"],
        eight_bits=quick["eight_bits"],
        interpret=_interpreter(labels, contract["outputs"], quick["calibration"]),
    )
    return replace(spec, glance=Glance(glance, quick["settles_below"]))


def _interpreter(
    labels: Sequence[Label], order: Sequence[str], calibration: Mapping[str, Mapping[str, float]]
) -> Callable[[Sequence[NDArray[Any]], Placement], Scores]:
    """Make what turns logits, in the order of some names, into scores."""
    names = [label.name for label in labels]
    columns = [order.index(name) for name in names]
    slopes = np.array([calibration[name]["slope"] for name in names])
    offsets = np.array([calibration[name]["offset"] for name in names])

    def interpret(outputs: Sequence[NDArray[Any]], placement: Placement) -> Scores:  # noqa: ARG001
        """Turn logits, float32, shape (1, outputs), into probabilities; there are no regions.

        Maps, (1, outputs, rows, columns), follow where they were asked for.
        """
        logits = outputs[0][0, columns].astype(np.float64)
        scores = dict(zip(names, sigmoid(slopes * logits + offsets).tolist(), strict=True))
        maps = {
            name: _heat_map(slopes[at] * outputs[1][0, columns[at]])
            for at, name in enumerate(names)
            if len(outputs) > 1 and scores[name] >= _LEAST_MAPPED
        }
        return Scores(category_scores(labels, scores), scores, maps=maps)

    return interpret


def read_spec(contract: Path) -> DetectorSpec:
    """Describe a network that does not ship: a run's, to be measured.

    Parameters
    ----------
    contract : Path
        The JSON file that training wrote, with the ONNX files beside it.

    Returns
    -------
    DetectorSpec

    Raises
    ------
    WeightsError
        If the contract cannot be read.
    """
    try:
        return make_spec(read_contract(contract), "", str(contract.with_suffix("")))
    except (KeyError, TypeError, AttributeError) as error:
        msg = f"{contract.name} is not the contract of a hazards network"
        raise WeightsError(msg) from error


def _heat_map(places: NDArray[np.float32]) -> HeatMap:
    return tuple(tuple(row) for row in places.tolist())


def sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn log odds into probabilities, as training does that fits them.

    Parameters
    ----------
    values : ndarray of float64
        Of any shape.

    Returns
    -------
    ndarray of float64, of the same shape
    """
    return 1 / (1 + np.exp(-np.clip(values, -60, 60)))


SPEC = make_spec(read_contract(SHIPPED / "hazards.json"), "worksafe", "models/shipped/hazards")
