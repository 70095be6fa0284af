from pathlib import Path

import pytest

from worksafe.errors import DatasetError, SettingsError
from worksafe.evaluation.card import fill_card, find_blocks
from worksafe.evaluation.report import Measured, Origin, Report, write_report
from worksafe.models.hazards import SPEC

DECISION = {
    "pictures_of": "neutral",
    "pictures": "4",
    "allow": "2",
    "review": "1",
    "block": "1",
    "not_allowed": "0.5000",
    "not_allowed_low": "0.1500",
    "not_allowed_high": "0.8500",
}


def block(name: str, body: str = "old figures\n") -> str:
    return f"<!-- figures: {name} -->\n{body}<!-- /figures -->"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    measured = (Measured("hazards", "9.9.9", SPEC.weights.sha256),)
    decided = ("default", "sha256:1")
    origin = Origin("test", "worksafe evaluate", 4, "a" * 64, measured, *decided, "ort", "avx2")
    write_report(Report(origin, {"decisions": [DECISION]}), tmp_path)
    return tmp_path


def test_blocks_are_replaced_and_the_rest_is_untouched(results: Path) -> None:
    text = (
        f"# Card\n\nBy hand.\n\n{block('test')}\n\nAlso by hand, 100 % \\1.\n{block('weights')}\n"
    )

    filled = fill_card(text, results, SPEC)

    assert filled.startswith(
        "# Card\n\nBy hand.\n\n<!-- figures: test -->\n\n- Models: hazards 9.9.9"
    )
    assert "\n\n<!-- /figures -->\n\nAlso by hand, 100 % \\1.\n<!-- figures: weights -->" in filled
    assert "| neutral | 4 | 50.0 % | 25.0 % | 25.0 % | 50.0 % (15.0 to 85.0) |" in filled
    assert SPEC.weights.sha256 in filled
    assert "old figures" not in filled
    assert fill_card(filled, results, SPEC) == filled


def test_thresholds_come_from_the_contract(results: Path) -> None:
    filled = fill_card(block("thresholds", ""), results, SPEC)

    assert "| by its own score | 5 % | 2 % | 1 % | 0.5 % |" in filled
    for name, by_rate in SPEC.thresholds.items():
        assert f"| {name} | {by_rate['0.05']:.3f} |" in filled


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# Card\n", "has no block"),
        ("<!-- figures: test -->\n", "has no block"),
        (f"<!-- figures: val -->\n{block('test')}", "not closed"),
        (f"{block('test')}\n<!-- /figures -->", "not closed, or not opened"),
        (block("tset"), "not known: tset"),
    ],
)
def test_wrong_markers_are_a_clear_error(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        find_blocks(text)


def test_a_block_of_a_split_without_results_is_an_error(results: Path) -> None:
    with pytest.raises(DatasetError, match="--split val"):
        fill_card(block("val"), results, SPEC)
