from pathlib import Path

import pytest
from PIL import Image

from labelled import make_scored
from worksafe import Moderator
from worksafe.evaluation.figures import draw_figures
from worksafe.evaluation.report import FIGURES
from worksafe.evaluation.scoring import Scored
from worksafe.evaluation.sheet import draw_sheet
from worksafe.evaluation.subjects import Subject, find_subjects


@pytest.fixture
def subjects(scored: list[Scored], moderator: Moderator) -> list[Subject]:
    return find_subjects(scored, moderator.labels)


def test_figures_are_pictures_of_a_readable_size(subjects: list[Subject], tmp_path: Path) -> None:
    names = draw_figures(subjects, "test", tmp_path)

    assert set(names) == set(FIGURES)
    for name in names.values():
        with Image.open(tmp_path / name) as image:
            assert image.format == "PNG"
            assert 500 < image.width < 3000
            assert 400 < image.height < 3000


def test_too_few_pictures_give_no_figure(subjects: list[Subject], tmp_path: Path) -> None:
    few = Subject("violence", (make_scored("violence.blood", 0.5),), subjects[0].neutral, True)

    assert draw_figures([few], "test", tmp_path) == {}
    assert not list(tmp_path.glob("hazards-test-*.png"))


def test_the_sheet_shows_the_worst_errors_first(subjects: list[Subject], tmp_path: Path) -> None:
    path = tmp_path / "private" / "errors.png"

    draw_sheet(subjects, path)

    with Image.open(path) as image:
        assert image.width > 1000
        # The first thumbnail is the bright neutral picture (250), below it the next (dark).
        assert image.getpixel((100, 100)) == (250, 250, 250)
        assert image.getpixel((320, 100)) == (49, 49, 49)
