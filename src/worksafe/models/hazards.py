"""Hazards: violence and drugs from one pass of a network that this project trains.

Training writes the weights and, beside them, the contract that is read here: outputs, input,
calibration, thresholds by false-positive rate, hash.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worksafe.models.spec import DetectorSpec, Label, Placement, WeightsFile, category_scores
from worksafe.models.weights import read_contract
from worksafe.results import Scores

_CONTRACT = read_contract("hazards")
# The network has an output for each category too, which training profits from; it is not used.
_COLUMNS = {output: column for column, output in enumerate(_CONTRACT["outputs"]) if "." in output}
_SLOPES = np.array([_CONTRACT["calibration"][output]["slope"] for output in _COLUMNS])
_OFFSETS = np.array([_CONTRACT["calibration"][output]["offset"] for output in _COLUMNS])

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

LABELS = tuple(
    Label(output, _SHOWS[output], counts=output not in _CONTRACT["reported_only"])
    for output in _COLUMNS
)


def interpret(outputs: Sequence[NDArray[Any]], placement: Placement) -> Scores:  # noqa: ARG001
    """Turn logits into calibrated probabilities (Platt scaling).

    Parameters
    ----------
    outputs : sequence of ndarray
        The logits, float32, shape (1, outputs).
    placement : Placement
        Not needed: the whole picture fills the input.

    Returns
    -------
    Scores
        Without regions.

    References
    ----------
    .. [1] Platt, "Probabilistic Outputs for Support Vector Machines", 1999.
    """
    logits = outputs[0][0, list(_COLUMNS.values())].astype(np.float64)
    scores = dict(zip(_COLUMNS, _sigmoid(_SLOPES * logits + _OFFSETS).tolist(), strict=True))
    return Scores(category_scores(LABELS, scores), scores)


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(values, -60, 60)))


SPEC = DetectorSpec(
    name="hazards",
    version=_CONTRACT["version"],
    licence=_CONTRACT["licence"],
    source="trained by this project: docs/model-cards/hazards.md",
    weights=WeightsFile(
        package="worksafe", filename="models/shipped/hazards.onnx", sha256=_CONTRACT["sha256"]
    ),
    labels=LABELS,
    fit="stretch",
    side_px=_CONTRACT["side_px"],
    multiple=_CONTRACT["side_px"],
    colour_order="rgb",
    mean=tuple(_CONTRACT["mean"]),
    std=tuple(_CONTRACT["std"]),
    outputs=("logits",),
    interpret=interpret,
    calibrated=True,
    thresholds=_CONTRACT["thresholds"],
)
