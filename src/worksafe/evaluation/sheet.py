"""A contact sheet of the worst errors. It shows people's pictures, so it is made only on demand."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from worksafe.evaluation.datasets import read_pixels
from worksafe.evaluation.scoring import Scored
from worksafe.evaluation.subjects import Subject

_COLUMNS = 8
_SHOWN = 16  # of each sort of error
_THUMB_PX = (200, 160)
_GAP_PX = 12
_CAPTION_PX = 48
_TITLE_PX = 40
_CELL_PX = (_THUMB_PX[0] + _GAP_PX, _THUMB_PX[1] + _CAPTION_PX + _GAP_PX)
_FONT = ImageFont.load_default(13)
_TITLE_FONT = ImageFont.load_default(20)
_INK, _PAPER, _FRAME = "#222222", "#ffffff", "#e8e8e8"

Section = tuple[str, str, Sequence[Scored]]


def draw_sheet(subjects: Sequence[Subject], path: Path) -> None:
    """Draw the worst errors of each category, and of each label that is only reported.

    Parameters
    ----------
    subjects : sequence of Subject
        From `find_subjects`.
    path : Path
        The picture to write. The data set's pictures may not be redistributed: nor may this.
    """
    sections = [section for subject in subjects if subject.is_whole for section in _worst(subject)]
    heights = [_TITLE_PX + _CELL_PX[1] * -(-len(shown) // _COLUMNS) for _, _, shown in sections]
    sheet = Image.new("RGB", (_COLUMNS * _CELL_PX[0] + _GAP_PX, sum(heights) + _GAP_PX), _PAPER)
    top = 0
    for section, height in zip(sections, heights, strict=True):
        _draw_section(sheet, section, top)
        top += height
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def _worst(subject: Subject) -> list[Section]:
    def score(one: Scored) -> float:
        return one.scores[subject.name]

    alarms = sorted(subject.neutral, key=score, reverse=True)[:_SHOWN]
    missed = sorted(subject.positives, key=score)[:_SHOWN]
    return [
        (f"{subject.name}: ordinary pictures with the highest scores", subject.name, alarms),
        (f"{subject.name}: pictures that show it with the lowest scores", subject.name, missed),
    ]


def _draw_section(sheet: Image.Image, section: Section, top: int) -> None:
    title, name, shown = section
    pen = ImageDraw.Draw(sheet)
    pen.text((_GAP_PX, top + _GAP_PX), title, _INK, font=_TITLE_FONT)
    for place, one in enumerate(shown):
        row, column = divmod(place, _COLUMNS)
        x = _GAP_PX + column * _CELL_PX[0]
        y = top + _TITLE_PX + row * _CELL_PX[1]
        scored = Image.fromarray(read_pixels(one.example, max(_THUMB_PX)))
        sheet.paste(ImageOps.pad(scored, _THUMB_PX, color=_FRAME), (x, y))
        for line, text in enumerate(_caption(one, name)):
            pen.text((x, y + _THUMB_PX[1] + 2 + 15 * line), _cut(text), _INK, font=_FONT)


def _caption(one: Scored, name: str) -> tuple[str, str, str]:
    """Say a picture's score and the label that makes it, what it is, and where it is from."""
    score = one.scores[name]
    # A category's score is that of its largest counting label.
    labels = [label for label in one.scores if label.startswith(f"{name.partition('.')[0]}.")]
    leading = min(labels, key=lambda label: abs(one.scores[label] - score))
    return (
        f"{score:.3f} {leading.rpartition('.')[2]}",
        f"is {one.example.label.rpartition('.')[2] or 'neutral'}: {one.example.kind or '?'}",
        f"{one.example.source}/{one.example.path.stem}",
    )


def _cut(text: str) -> str:
    """Cut a line to the thumbnail's width."""
    while _FONT.getlength(text) > _THUMB_PX[0]:
        text = text[:-2] + "…"
    return text
