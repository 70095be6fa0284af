"""All figures of one evaluation, and their files: tables as CSV, where they come from as JSON."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from worksafe.errors import DatasetError
from worksafe.evaluation.scoring import Scored
from worksafe.evaluation.slices import decision_rows, kind_rows, source_rows
from worksafe.evaluation.subjects import Row, Subject, subject_row

# What each file's name ends with.
TABLES = {
    "subjects": "",
    "decisions": "-decisions",
    "sources": "-sources",
    "kinds": "-kinds",
    "robustness": "-robustness",
    "unchecked": "-unchecked",
}
FIGURES = {
    "ROC": "-roc.png",
    "Precision and recall": "-pr.png",
    "Reliability": "-reliability.png",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """A model that was measured."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Origin:
    """What the figures were made from, so that they can be made again.

    Attributes
    ----------
    split : str
        Which pictures.
    command : str
        What made them, but for the folder of pictures.
    pictures : int
        How many were scored.
    manifest_sha256 : str
        Of the data set's ``manifest.csv``.
    models : tuple of Measured
        What scored.
    policy, policy_version : str
        What decided.
    runtime, processor : str
        What ran the networks, which round otherwise on another.
    """

    split: str
    command: str
    pictures: int
    manifest_sha256: str
    models: tuple[Measured, ...]
    policy: str
    policy_version: str
    runtime: str
    processor: str


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of one evaluation.

    Attributes
    ----------
    origin : Origin
        What they were made from.
    tables : mapping of str to sequence of dict
        Rows by the table's name in `TABLES`; tables without rows are absent.
    """

    origin: Origin
    tables: Mapping[str, Sequence[Row]]


def measure(
    origin: Origin,
    scored: Sequence[Scored],
    subjects: Iterable[Subject],
    robustness: Sequence[Row] = (),
    unchecked: Sequence[Row] = (),
) -> Report:
    """Measure everything; the bootstraps take some seconds.

    Parameters
    ----------
    origin : Origin
        What was scored, and by what.
    scored : sequence of Scored
        All pictures.
    subjects : iterable of Subject
        From `find_subjects`.
    robustness : sequence of dict, optional
        From `robustness_rows`.
    unchecked : sequence of dict, optional
        Pictures that could not be checked: path, and why. They are in no figure.

    Returns
    -------
    Report
    """
    subjects = list(subjects)
    tables: dict[str, Sequence[Row]] = {
        "subjects": [subject_row(subject) for subject in subjects],
        "decisions": decision_rows(scored, subjects),
        "sources": source_rows(subjects),
        "kinds": kind_rows(scored),
        "robustness": list(robustness),
        "unchecked": list(unchecked),
    }
    return Report(origin, {name: rows for name, rows in tables.items() if rows})


def report_path(folder: Path, split: str, ending: str) -> Path:
    """Name a file of a split's evaluation."""
    return folder / f"hazards-{split}{ending}"


def write_report(report: Report, folder: Path) -> None:
    """Write the tables as CSV and the origin as JSON.

    Parameters
    ----------
    report : Report
        From `measure`.
    folder : Path
        Made where it does not exist. Tables that were not measured now, and all figures, are
        removed from it: they could be of other weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    split = report.origin.split
    for name, ending in TABLES.items():
        path = report_path(folder, split, f"{ending}.csv")
        if name not in report.tables:
            path.unlink(missing_ok=True)
            continue
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(report.tables[name][0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(report.tables[name])
    for ending in FIGURES.values():
        report_path(folder, split, ending).unlink(missing_ok=True)
    text = json.dumps(asdict(report.origin), indent=2) + "\n"
    report_path(folder, split, ".json").write_text(text, encoding="utf-8")


def read_report(folder: Path, split: str) -> Report:
    """Read what `write_report` wrote.

    Parameters
    ----------
    folder : Path
        Holds the files.
    split : str
        Of which split.

    Returns
    -------
    Report

    Raises
    ------
    DatasetError
        If the split was not evaluated into that folder, by this version.
    """
    path = report_path(folder, split, ".json")
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        fields["models"] = tuple(Measured(**model) for model in fields["models"])
        origin = Origin(**fields)
    except (OSError, ValueError, TypeError, KeyError) as error:
        msg = f"{path} cannot be read: run worksafe evaluate --split {split}"
        raise DatasetError(msg) from error
    tables = {}
    for name, ending in TABLES.items():
        path = report_path(folder, split, f"{ending}.csv")
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                tables[name] = list(csv.DictReader(file))
    return Report(origin, tables)
