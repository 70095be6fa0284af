"""Curves as pictures, by matplotlib, which the extra ``evaluate`` installs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from worksafe.evaluation.curves import precision_points, reliability_bins, roc_points
from worksafe.evaluation.metrics import average_precision, calibration_error, roc_auc
from worksafe.evaluation.report import FIGURES, report_path
from worksafe.evaluation.subjects import Subject

_LEAST_PICTURES = 15
_LEAST_IN_BIN = 5
_LOWEST_FPR = 0.001
# Okabe and Ito's colours, told apart by colour-blind people; dashes tell the next round apart.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_DASHES = ("-", "--")
_GREY = "#777777"
_DPI = 120
_PANEL_INCHES = (5.6, 5.0)
_RELIABILITY_COLUMNS = 4


def draw_figures(subjects: Sequence[Subject], split: str, folder: Path) -> dict[str, str]:
    """Draw ROC, precision-recall and reliability of every subject with enough pictures.

    Parameters
    ----------
    subjects : sequence of Subject
        Those of fewer than 15 pictures are passed over.
    split : str
        Names the files.
    folder : Path
        Gets the files that `report.FIGURES` names; none where no subject has enough pictures.

    Returns
    -------
    dict of str to str
        Title to file name, for the report.
    """
    drawable = [one for one in subjects if len(one.positives) >= _LEAST_PICTURES and one.neutral]
    if not drawable:
        return {}
    against = f"against {len(drawable[0].neutral):,} neutral pictures, split {split}"
    figures = {
        "ROC": _panels(drawable, _draw_roc, f"ROC {against}"),
        "Precision and recall": _panels(drawable, _draw_precision, f"Precision {against}"),
        "Reliability": _reliability(drawable, split),
    }
    names = {}
    for title, figure in figures.items():
        path = report_path(folder, split, FIGURES[title])
        figure.savefig(path, dpi=_DPI, metadata={"Software": None})
        names[title] = path.name
    return names


def _panels(
    subjects: Sequence[Subject],
    draw: Callable[[Axes, Sequence[Subject]], None],
    title: str,
) -> Figure:
    """Draw a panel for each category, side by side."""
    categories = list(dict.fromkeys(subject.category for subject in subjects))
    width, height = _PANEL_INCHES
    figure = Figure(figsize=(width * len(categories), height), layout="constrained")
    figure.suptitle(title)
    for panel, category in zip(
        figure.subplots(1, len(categories), squeeze=False)[0], categories, strict=True
    ):
        own = [subject for subject in subjects if subject.category == category]
        draw(panel, own)
        panel.set_title(category)
        panel.set_axisbelow(True)
        panel.grid(visible=True, color="#dddddd", linewidth=0.6)
        panel.spines[["top", "right"]].set_visible(False)
    return figure


def _style(subject: Subject, place: int) -> dict[str, Any]:
    """Choose a line: the category thick and black, labels in colours."""
    if "." not in subject.name:
        return {"color": "black", "linewidth": 2.4, "zorder": 2}
    rounds, colour = divmod(place, len(_COLOURS))
    return {
        "color": _COLOURS[colour],
        "linestyle": _DASHES[rounds % len(_DASHES)],
        "linewidth": 1.5,
        "zorder": 3,
    }


def _draw_roc(panel: Axes, subjects: Sequence[Subject]) -> None:
    chance = np.geomspace(_LOWEST_FPR, 1)
    panel.plot(chance, chance, color=_GREY, linestyle=":", linewidth=1, label="chance")
    for place, subject in enumerate(subjects):
        scores, truths = subject.scores, subject.truths
        false_positives, recall = roc_points(scores, truths)
        panel.step(
            np.maximum(false_positives, _LOWEST_FPR / 10),  # 0 has no place on a logarithmic axis
            recall,
            where="post",
            label=f"{_short(subject)}: {roc_auc(scores, truths):.3f}",
            **_style(subject, place),
        )
    panel.set_xscale("log")
    panel.set_xlim(_LOWEST_FPR, 1)
    panel.set_ylim(0, 1.01)
    panel.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
    panel.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    panel.set_xlabel("neutral pictures flagged (false positives)")
    panel.set_ylabel("pictures found (recall)")
    panel.legend(loc="lower right", fontsize=9, title="AUC")


def _draw_precision(panel: Axes, subjects: Sequence[Subject]) -> None:
    for place, subject in enumerate(subjects):
        scores, truths = subject.scores, subject.truths
        panel.step(
            *precision_points(scores, truths),
            where="pre",
            label=f"{_short(subject)}: {average_precision(scores, truths):.3f}",
            **_style(subject, place),
        )
    panel.set_xlim(0, 1.01)
    panel.set_ylim(0, 1.01)
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    panel.set_xlabel("pictures found (recall)")
    panel.set_ylabel("right among those flagged (precision)")
    panel.legend(loc="lower left", fontsize=9, title="average precision")


def _short(subject: Subject) -> str:
    name = subject.name.rpartition(".")[2] if "." in subject.name else f"all {subject.name}"
    return f"{name} ({len(subject.positives)})"


def _reliability(subjects: Sequence[Subject], split: str) -> Figure:
    """Draw a reliability diagram for each subject, with a histogram of its scores below."""
    columns = min(_RELIABILITY_COLUMNS, len(subjects))
    rows = -(-len(subjects) // columns)
    figure = Figure(figsize=(3.4 * columns, 4.4 * rows + 0.6), layout="constrained")
    figure.suptitle(
        f"Reliability, split {split}: how often it is true against what the score says. Bars are "
        f"95 % intervals;\nbins of fewer than {_LEAST_IN_BIN} pictures are left out. Below: "
        "pictures by score, neutral grey and positive blue."
    )
    for place, part in enumerate(figure.subfigures(rows, columns, squeeze=False).flat):
        if place < len(subjects):
            diagram, histogram = part.subplots(
                2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 1]}
            )
            _draw_reliability(diagram, subjects[place])
            _draw_histogram(histogram, subjects[place])
    return figure


def _draw_reliability(panel: Axes, subject: Subject) -> None:
    scores, truths = subject.scores, subject.truths
    bins = [one for one in reliability_bins(scores, truths) if one.pictures >= _LEAST_IN_BIN]
    panel.plot([0, 1], [0, 1], color=_GREY, linestyle=":", linewidth=1)
    panel.errorbar(
        [one.score for one in bins],
        [one.share for one in bins],
        yerr=[
            [max(0.0, one.share - one.low) for one in bins],
            [max(0.0, one.high - one.share) for one in bins],
        ],
        color=_COLOURS[0],
        ecolor="#9ecae1",
        marker="o",
        markersize=4,
        linewidth=1.2,
    )
    panel.set_xlim(-0.02, 1.02)
    panel.set_ylim(-0.02, 1.02)
    panel.set_title(f"{subject.name}\nerror {calibration_error(scores, truths):.3f}", fontsize=10)
    panel.set_ylabel("true", fontsize=9)
    panel.spines[["top", "right"]].set_visible(False)


def _draw_histogram(panel: Axes, subject: Subject) -> None:
    scores, truths = subject.scores, subject.truths
    panel.hist(
        [scores[~truths], scores[truths]],
        bins=np.linspace(0, 1, 21).tolist(),
        color=["#bbbbbb", _COLOURS[0]],
    )
    panel.set_yscale("log")
    panel.set_ylim(0.7, None)
    panel.set_ylabel("pictures", fontsize=9)
    panel.set_xlabel("score", fontsize=9)
    panel.spines[["top", "right"]].set_visible(False)
