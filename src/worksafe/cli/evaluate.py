"""``worksafe evaluate``: labelled pictures through what ships, to tables and pictures."""

import hashlib
import importlib.util
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import typer
from rich.console import Console
from rich.progress import track

from worksafe.cli.shown import print_markdown
from worksafe.engine.detector import load_detectors
from worksafe.engine.runtime import describe_processor
from worksafe.errors import DatasetError, SettingsError
from worksafe.evaluation.card import fill_card, find_blocks
from worksafe.evaluation.datasets import MANIFEST, NEUTRAL, SPLITS, Example, read_split
from worksafe.evaluation.markdown import decision_lines, subject_lines, write_markdown
from worksafe.evaluation.report import (
    TABLES,
    Measured,
    Origin,
    Report,
    measure,
    read_report,
    report_path,
    write_report,
)
from worksafe.evaluation.robustness import (
    CHANGES,
    choose_shown,
    choose_specs,
    robustness_rows,
    score_changes,
)
from worksafe.evaluation.scoring import Scored, Unchecked, measuring_settings, score_examples
from worksafe.evaluation.sheet import draw_sheet
from worksafe.evaluation.subjects import Row, find_subjects
from worksafe.models.hazards import SPEC, read_spec
from worksafe.models.registry import DETECTORS
from worksafe.models.spec import DetectorSpec, Label
from worksafe.moderator import Moderator
from worksafe.wording import how_to_install

T = TypeVar("T")
_SHEET_SUFFIXES = (".png", ".jpg", ".webp")


def evaluate_detectors(
    data: Path,
    split: str,
    out: Path,
    *,
    robustness: bool = False,
    pictures: bool = True,
    sheet: Path | None = None,
    card: Path | None = None,
    hazards: Path | None = None,
) -> None:
    """Score labelled pictures as serving would, and write tables and pictures.

    Parameters
    ----------
    data : Path
        Folder with ``manifest.csv``.
    split : str
        Which of its pictures.
    out : Path
        Folder that gets the files ``hazards-<split>…``.
    robustness : bool, default False
        Whether pictures are also scored after changes.
    pictures : bool, default True
        Whether curves are drawn.
    sheet : Path, optional
        Gets a contact sheet of the worst errors.
    card : Path, optional
        Model card whose figures are made anew.
    hazards : Path, optional
        Contract of a trained network that is measured instead of the shipped one.

    Raises
    ------
    DatasetError
        If the manifest is wrong, has no usable pictures of that split, or one of them cannot be
        checked for another reason than what its file is.
    SettingsError
        If matplotlib is absent and pictures are wanted, the sheet's name is of no picture, or the
        card has no place for the figures.
    WeightsError
        If the network that is to be measured cannot be read.
    """
    measured = SPEC if hazards is None else read_spec(hazards)
    specs = [measured if spec is SPEC else spec for spec in DETECTORS]
    examples = read_split(data, split)
    _refuse_what_would_fail_later(sheet, pictures=pictures)
    if card:
        _refuse_card(card, split, out)
    out.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    command = f"worksafe evaluate --split {split}" + " --robustness" * robustness
    command += f" --hazards {hazards.name}" if hazards else ""
    with Moderator(measuring_settings(), detectors=load_detectors(specs)) as moderator:
        _warn_of_unknown(examples, moderator.labels, console)
        scored, unchecked = _score(moderator, examples, data, console)
        rows = _robustness(moderator, specs, scored, console) if robustness else []
        subjects = find_subjects(scored, moderator.labels)
        origin = _origin(data, split, command, len(scored), moderator)
    with console.status("drawing bootstrap intervals"):
        report = measure(origin, scored, subjects, rows, unchecked)
    write_report(report, out)
    drawn = {}
    if pictures:
        from worksafe.evaluation.figures import draw_figures

        drawn = draw_figures(subjects, split, out)
    path = report_path(out, split, ".md")
    path.write_text(write_markdown(report, drawn), encoding="utf-8")
    if sheet:
        draw_sheet(subjects, sheet)
    filled = None if unchecked else card
    if filled:
        text = fill_card(filled.read_text(encoding="utf-8"), out, measured)
        filled.write_text(text, encoding="utf-8")
    if unchecked:
        where = report_path(out, split, TABLES["unchecked"] + ".csv")
        msg = f"not checked: {len(unchecked)}, see {where}"
        msg += f"; {card} stays as it was, since its figures are of all pictures" if card else ""
        console.print(msg, style="yellow", markup=False)
    _print(report, [one for one in (path, sheet, filled) if one])


def _refuse_what_would_fail_later(sheet: Path | None, *, pictures: bool) -> None:
    """Find before the scoring, which takes minutes, what would stop the report after it."""
    if pictures and importlib.util.find_spec("matplotlib") is None:
        msg = f"pictures need matplotlib: {how_to_install('evaluate')}, or use --no-pictures"
        raise SettingsError(msg)
    if sheet and sheet.suffix.lower() not in _SHEET_SUFFIXES:
        msg = f"the sheet must be one of {', '.join(_SHEET_SUFFIXES)}, not {sheet.name!r}"
        raise SettingsError(msg)


def _refuse_card(card: Path, split: str, out: Path) -> None:
    """Find a card that could not be filled."""
    if not card.is_file():
        msg = f"{card} does not exist"
        raise SettingsError(msg)
    blocks = find_blocks(card.read_text(encoding="utf-8"))
    if split not in blocks:
        msg = f"{card} has no block <!-- figures: {split} -->"
        raise SettingsError(msg)
    for other in {*blocks} & {*SPLITS} - {split}:
        read_report(out, other)


def _with_bar(items: Iterable[T], total: int, title: str, console: Console) -> list[T]:
    return list(track(items, total=total, description=title, console=console))


def _score(
    moderator: Moderator, examples: Sequence[Example], data: Path, console: Console
) -> tuple[list[Scored], list[Row]]:
    """Score all pictures; tell which of them could not be checked, by their paths in the data."""
    done = _with_bar(score_examples(moderator, examples), len(examples), "scoring", console)
    scored = [one for one in done if isinstance(one, Scored)]
    unchecked = [
        {"path": os.path.relpath(one.example.path, data), "why": one.reason}
        for one in done
        if isinstance(one, Unchecked)
    ]
    if not scored:
        msg = f"no picture can be checked; of the first: {unchecked[0]['why']}"
        raise DatasetError(msg)
    return scored, unchecked


def _warn_of_unknown(
    examples: Sequence[Example], labels: Iterable[Label], console: Console
) -> None:
    """Name labels of the manifest that no detector reports: a typo would leave out pictures."""
    known = {label.name for label in labels}
    counts = Counter(example.label for example in examples if example.label)
    unknown = [f"{name} ({count})" for name, count in sorted(counts.items()) if name not in known]
    if unknown:
        msg = f"no detector reports {', '.join(unknown)}: not measured"
        console.print(msg, style="yellow", markup=False)


def _robustness(
    moderator: Moderator,
    specs: Sequence[DetectorSpec],
    scored: Sequence[Scored],
    console: Console,
) -> list[Row]:
    """Score changed pictures, with only the detectors that report what they show."""
    shown = choose_shown([one.example for one in scored], moderator.labels)
    if not shown:
        return []
    detectors = load_detectors(choose_specs(shown, specs))
    with Moderator(moderator.settings, detectors=detectors) as narrow:
        changes = score_changes(narrow, shown)
        changed = _with_bar(changes, len(shown) * len(CHANGES), "changing", console)
    return robustness_rows(changed, [one for one in scored if one.example.category == NEUTRAL])


def _origin(data: Path, split: str, command: str, pictures: int, moderator: Moderator) -> Origin:
    policy = moderator.policies[moderator.settings.policy].info
    return Origin(
        split=split,
        command=command,
        pictures=pictures,
        manifest_sha256=hashlib.sha256((data / MANIFEST).read_bytes()).hexdigest(),
        models=tuple(Measured(m.name, m.version, m.sha256) for m in moderator.models),
        policy=policy.name,
        policy_version=policy.version,
        runtime=moderator.runtime.key,
        processor=describe_processor(),
    )


def _print(report: Report, written: Sequence[Path]) -> None:
    lines = []
    for name, write in (("subjects", subject_lines), ("decisions", decision_lines)):
        lines += [*write(report.tables[name]), ""] if name in report.tables else []
    print_markdown(lines)
    for path in written:
        typer.echo(f"wrote {path}")
