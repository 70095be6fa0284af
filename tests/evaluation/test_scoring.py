import pytest

from worksafe import Moderator
from worksafe.errors import DatasetError
from worksafe.evaluation.datasets import Example
from worksafe.evaluation.scoring import score_examples


def test_scores_come_from_the_moderator_with_the_label_that_fired(
    brightness: list[Example], moderator: Moderator
) -> None:
    scored = list(score_examples(moderator, brightness))

    assert [one.example for one in scored] == brightness
    assert scored[0].scores["violence.blood"] == pytest.approx(200 / 255, abs=1e-6)
    assert (scored[3].decision, scored[3].fired) == ("block", "violence.blood")
    assert (scored[1].decision, scored[1].fired) == ("allow", "")


def test_a_picture_that_is_missing_is_named(
    brightness: list[Example], moderator: Moderator
) -> None:
    brightness[7].path.unlink()

    with pytest.raises(DatasetError, match=r"7\.png"):
        list(score_examples(moderator, brightness))
