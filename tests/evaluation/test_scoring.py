import pytest

from worksafe import Moderator
from worksafe.errors import DatasetError
from worksafe.evaluation.datasets import Example
from worksafe.evaluation.scoring import Scored, Unchecked, score_examples


def test_scores_come_from_the_moderator_with_the_label_that_fired(
    brightness: list[Example], scored: list[Scored]
) -> None:
    assert [one.example for one in scored] == brightness
    assert scored[0].scores["violence.blood"] == pytest.approx(200 / 255, abs=1e-6)
    assert (scored[3].decision, scored[3].fired) == ("block", "violence.blood")
    assert (scored[1].decision, scored[1].fired) == ("allow", "")


def test_a_damaged_picture_is_told_and_spoils_no_other(
    brightness: list[Example], moderator: Moderator
) -> None:
    brightness[7].path.write_bytes(brightness[7].path.read_bytes()[:50])

    told = list(score_examples(moderator, brightness))

    (damaged,) = [one for one in told if isinstance(one, Unchecked)]
    assert told.index(damaged) == 7
    assert damaged.example == brightness[7]
    assert "the png data is damaged" in damaged.reason


def test_a_picture_that_is_missing_ends_it(brightness: list[Example], moderator: Moderator) -> None:
    brightness[7].path.unlink()

    with pytest.raises(DatasetError, match=r"7\.png"):
        list(score_examples(moderator, brightness))
