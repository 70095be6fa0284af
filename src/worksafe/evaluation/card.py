"""The figures in a model card: blocks between markers, made from results and contract.

A block begins with ``<!-- figures: NAME -->`` and ends with ``<!-- /figures -->``; NAME is a split,
``weights`` or ``thresholds``. Everything between is replaced, everything else is left as it is.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from worksafe.errors import SettingsError
from worksafe.evaluation.datasets import SPLITS
from worksafe.evaluation.markdown import origin_lines, section_lines, table_lines
from worksafe.evaluation.report import read_report
from worksafe.models.spec import DetectorSpec
from worksafe.models.weights import find_weights

_BLOCK = re.compile(
    r"<!-- figures: (?P<name>[a-z]+) -->\n(?P<body>.*?)<!-- /figures -->", re.DOTALL
)
_WORST_KINDS = 10


def find_blocks(text: str) -> list[str]:
    """Name the blocks of a card.

    Parameters
    ----------
    text : str
        The card.

    Returns
    -------
    list of str
        In their order.

    Raises
    ------
    SettingsError
        If there is none, one is not closed, or one has a name that is not known.
    """
    blocks = list(_BLOCK.finditer(text))
    if not blocks:
        raise SettingsError("the card has no block <!-- figures: … --> … <!-- /figures -->")
    closed = len(blocks) == text.count("<!-- figures:") == text.count("<!-- /figures -->")
    if not closed:
        raise SettingsError("the card has a block that is not closed, or not opened")
    names = [block["name"] for block in blocks]
    if unknown := sorted({*names} - {*SPLITS, "weights", "thresholds"}):
        msg = f"the card has blocks that are not known: {', '.join(unknown)}"
        raise SettingsError(msg)
    return names


def fill_card(text: str, results: Path, spec: DetectorSpec) -> str:
    """Put figures into a card's blocks.

    Parameters
    ----------
    text : str
        The card.
    results : Path
        Folder of `write_report`.
    spec : DetectorSpec
        The detector that the card is of, with its contract's hash and thresholds.

    Returns
    -------
    str
        The card anew.

    Raises
    ------
    SettingsError
        If the card's markers are wrong.
    DatasetError
        If a split has a block but no results.
    """
    find_blocks(text)

    def fill(block: re.Match[str]) -> str:
        lines = _lines_of(block["name"], results, spec)
        opening, closing = f"<!-- figures: {block['name']} -->", "<!-- /figures -->"
        return "\n".join([opening, "", *lines, "", closing])

    return _BLOCK.sub(fill, text)


def _lines_of(name: str, results: Path, spec: DetectorSpec) -> Sequence[str]:
    if name == "weights":
        return _weights_lines(spec)
    if name == "thresholds":
        return _threshold_lines(spec)
    report = read_report(results, name)
    return [*origin_lines(report.origin), *section_lines(report, "###", _WORST_KINDS)]


def _weights_lines(spec: DetectorSpec) -> list[str]:
    path = find_weights(spec.weights)
    glance: list[str] = []
    if spec.glance:
        quick = spec.glance.spec
        beside = find_weights(quick.weights)
        side, below = quick.side_px, spec.glance.settles_below
        glance = [
            f"| Glance | a network of the same shape at {side} x {side} px comes first, and "
            f"settles pictures of which no label scores {below:g}: `{beside.name}`, "
            f"{beside.stat().st_size / 1e6:.1f} MB, SHA-256 `{quick.weights.sha256}` |"
        ]
    return [
        "| | |",
        "| --- | --- |",
        f"| Version | {spec.version} |",
        f"| Weights | `{path.name}` in the package, {path.stat().st_size / 1e6:.1f} MB |",
        f"| SHA-256 | `{spec.weights.sha256}` |",
        f"| Licence | {spec.licence} |",
        f"| Input | {spec.side_px} x {spec.side_px} px, {spec.colour_order.upper()}, "
        f"(x / 255 - mean) / std with mean {_channels(spec.mean)} and std {_channels(spec.std)} |",
        *glance,
        f"| Outputs | {len(spec.labels)} labels |",
    ]


def _channels(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _threshold_lines(spec: DetectorSpec) -> list[str]:
    rates = sorted({rate for by in spec.thresholds.values() for rate in by}, key=float)[::-1]
    return table_lines(
        ["by its own score", *(f"{100 * float(rate):g} %" for rate in rates)],
        (
            [name, *(f"{by[rate]:.3f}" if rate in by else "" for rate in rates)]
            for name, by in spec.thresholds.items()
        ),
    )
