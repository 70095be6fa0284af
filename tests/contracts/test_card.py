"""The model card and the README cannot drift from the results and the weights that ship."""

import csv
from pathlib import Path

import pytest

from worksafe.evaluation.card import fill_card, find_blocks
from worksafe.evaluation.datasets import SPLITS
from worksafe.evaluation.report import read_report
from worksafe.models.hazards import SPEC

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"
CARD = (ROOT / "docs" / "model-cards" / "hazards.md").read_text()
MEASURED = [name for name in find_blocks(CARD) if name in SPLITS]


def test_the_card_says_what_results_and_contract_say() -> None:
    assert fill_card(CARD, RESULTS, SPEC) == CARD


@pytest.mark.parametrize("split", MEASURED)
def test_the_figures_in_the_card_are_of_the_weights_that_ship(split: str) -> None:
    measured = {model.name: model for model in read_report(RESULTS, split).origin.models}

    assert measured["hazards"].sha256 == SPEC.weights.sha256
    assert measured["hazards"].version == SPEC.version  # also of the glance and the calibration


def test_the_card_has_figures_thresholds_and_weights() -> None:
    assert MEASURED
    assert {"weights", "thresholds"} <= {*find_blocks(CARD)}


@pytest.mark.parametrize("subject", ["violence", "drugs", "drugs.tobacco"])
def test_the_figures_in_the_readme_are_those_of_the_results(subject: str) -> None:
    with (RESULTS / "hazards-test.csv").open(newline="") as file:
        (row,) = [row for row in csv.DictReader(file) if row["subject"] == subject]
    auc, low, high = (float(row[name]) for name in ("auc", "auc_low", "auc_high"))

    assert f"{auc:.3f} ({low:.3f} to {high:.3f}) |" in (ROOT / "README.md").read_text()
