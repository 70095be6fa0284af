"""A report for people: Markdown from the tables' rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from worksafe.evaluation.report import Origin, Report
from worksafe.evaluation.subjects import Row
from worksafe.results import Action

_ABSENT = "–"  # noqa: RUF001 - a dash, for what was not measured

Lines = list[str]


def write_markdown(report: Report, pictures: Mapping[str, str]) -> str:
    """Write a whole report.

    Parameters
    ----------
    report : Report
        Its figures.
    pictures : mapping of str to str
        Title to file name, relative to the report.

    Returns
    -------
    str
        Markdown.
    """
    lines = [f"# Split `{report.origin.split}`", "", *origin_lines(report.origin)]
    lines += section_lines(report, "##")
    if pictures:
        lines += ["", "## Pictures"]
        for title, name in pictures.items():
            lines += ["", f"![{title}]({name})"]
    return "\n".join([*lines, ""])


def origin_lines(origin: Origin) -> Lines:
    """Say what was measured, by what and on what."""
    models = ", ".join(f"{m.name} {m.version} (`{m.sha256[:12]}`)" for m in origin.models)
    return [
        f"- Models: {models}",
        f"- Policy: {origin.policy} (`{origin.policy_version[:19]}`)",
        f"- Pictures: {origin.pictures:,}, by the manifest `sha256:{origin.manifest_sha256[:12]}`",
        f"- Command: `{origin.command}`",
        f"- Run by: {origin.runtime}, on a processor with {origin.processor}",
    ]


def section_lines(report: Report, heading: str, kinds: int | None = None) -> Lines:
    """Write a section for each table that was measured.

    Parameters
    ----------
    report : Report
        Its figures.
    heading : str
        What the sections' titles begin with: ``##`` or deeper.
    kinds : int, optional
        How many kinds of ordinary pictures are shown, the worst first; all by default.

    Returns
    -------
    list of str
        Lines, the first one empty.
    """
    sections: list[tuple[str, str, Callable[[Sequence[Row]], Lines]]] = [
        ("subjects", "Subjects", subject_lines),
        ("decisions", "Decisions", decision_lines),
        ("sources", "Sources", source_lines),
        ("kinds", "Ordinary pictures", lambda rows: kind_lines(rows[:kinds])),
        ("robustness", "Robustness", robustness_lines),
        ("unchecked", "Not checked", unchecked_lines),
    ]
    lines: Lines = []
    for name, title, write in sections:
        if rows := report.tables.get(name):
            lines += ["", f"{heading} {title}", "", *write(rows)]
    return lines


def subject_lines(rows: Sequence[Row]) -> Lines:
    """Write the table of categories and labels."""
    return [
        f"Each by its own score against all {int(rows[0]['neutral']):,} neutral pictures; in "
        "brackets 95 % intervals (bootstrap by group: clip, scene, burst; Wilson's for as many "
        "groups where all resamples say the same). Recall is the share found where 1 % or 2 % of "
        "the neutral pictures are flagged. The calibration error is the mean difference between "
        "the score and what is true, on these pictures in this mixture.",
        "",
        *table_lines(
            [
                "subject",
                "pictures",
                "sources",
                "AUC",
                "average precision",
                "recall at 1 %",
                "recall at 2 %",
                "calibration error",
            ],
            (
                [
                    row["subject"],
                    row["positives"],
                    row["sources"],
                    _with_interval(row, "auc", 3),
                    _with_interval(row, "average_precision", 2),
                    _with_interval(row, "recall_at_1pct_fpr", 2),
                    _with_interval(row, "recall_at_2pct_fpr", 2),
                    _with_interval(row, "calibration_error", 3),
                ]
                for row in rows
            ),
        ),
    ]


def decision_lines(rows: Sequence[Row]) -> Lines:
    """Write the table of the policy's decisions."""
    return [
        "What the policy decides on ordinary pictures, and on those of each category (the ones "
        "with a label that counts) and label; in brackets 95 % intervals (Wilson's, for as many "
        "as there are groups: clip, scene, burst).",
        "",
        *table_lines(
            ["pictures of", "pictures", *Action, "not allowed"],
            (
                [row["pictures_of"], row["pictures"], *_shares(row), _percent_with_interval(row)]
                for row in rows
            ),
        ),
    ]


def source_lines(rows: Sequence[Row]) -> Lines:
    """Write the table of labels by source."""
    return [
        "Each label's pictures of one source (of 5 pictures at least, the smaller ones together) "
        "against all neutral pictures; intervals where there are 20 pictures.",
        "",
        *table_lines(
            ["label", "source", "pictures", "AUC", "recall at 1 %"],
            (
                [
                    row["label"],
                    f"{row['sources']} smaller" if row["sources"] != "1" else row["source"],
                    row["positives"],
                    _with_interval(row, "auc", 3),
                    _with_interval(row, "recall_at_1pct_fpr", 2),
                ]
                for row in rows
            ),
        ),
    ]


def kind_lines(rows: Sequence[Row]) -> Lines:
    """Write the table of ordinary pictures by kind."""
    return [
        "Ordinary pictures by what they show, the worst first (kinds of fewer than 10 pictures "
        "together); in brackets 95 % intervals (as above).",
        "",
        *table_lines(
            ["kind", "pictures", *Action, "not allowed", "mostly for"],
            (
                [
                    row["kind"],
                    row["pictures"],
                    *_shares(row),
                    _percent_with_interval(row),
                    f"{row['fired_most']} ({row['fired_times']})" if row["fired_most"] else _ABSENT,
                ]
                for row in rows
            ),
        ),
    ]


def robustness_lines(rows: Sequence[Row]) -> Lines:
    """Write the tables of changed pictures: how far scores move, and what it does to the AUC."""
    changes = list(dict.fromkeys(row["change"] for row in rows))
    by_label: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_label.setdefault(row["label"], {})[row["change"]] = row
    counted = [[label, next(iter(of.values()))["positives"]] for label, of in by_label.items()]
    return [
        "The same pictures changed in memory: saved as JPEG of quality 50 and 30, at half size, "
        "mirrored, blurred (Gaussian, radius 1 pixel), cropped to the middle 90 %. How far the "
        "label's own score moves (median / 90th percentile):",
        "",
        *table_lines(
            ["label", "pictures", *changes[1:]],
            (
                [*head, *(_moved(of[change]) for change in changes[1:])]
                for head, of in zip(counted, by_label.values(), strict=True)
            ),
        ),
        "",
        "AUC of the changed pictures against the unchanged neutral ones:",
        "",
        *table_lines(
            ["label", "pictures", *changes],
            (
                [*head, *(_short(of[change]["auc"], 3) for change in changes)]
                for head, of in zip(counted, by_label.values(), strict=True)
            ),
        ),
    ]


def unchecked_lines(rows: Sequence[Row]) -> Lines:
    """Say how many pictures are in no figure."""
    return [
        f"Pictures that could not be checked, and are in no figure: {len(rows):,}. Their names and "
        "the reasons are in `hazards-<split>-unchecked.csv`."
    ]


def table_lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Lines:
    """Write any table."""
    return [
        f"| {' | '.join(head)} |",
        f"|{' --- |' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _with_interval(row: Row, metric: str, digits: int) -> str:
    figure = _short(row[metric], digits)
    low, high = (_short(row[f"{metric}_{end}"], digits) for end in ("low", "high"))
    return figure if low == _ABSENT else f"{figure} ({low} to {high})"


def _percent_with_interval(row: Row) -> str:
    share = 100 * (1 - int(row[Action.ALLOW]) / int(row["pictures"]))
    low, high = (100 * float(row[f"not_allowed_{end}"]) for end in ("low", "high"))
    return f"{share:.1f} % ({low:.1f} to {high:.1f})"


def _shares(row: Row) -> list[str]:
    return [f"{100 * int(row[action]) / int(row['pictures']):.1f} %" for action in Action]


def _moved(row: Row) -> str:
    return f"{_short(row['median_change'], 2)} / {_short(row['p90_change'], 2)}"


def _short(figure: str, digits: int) -> str:
    return f"{float(figure):.{digits}f}" if figure else _ABSENT
