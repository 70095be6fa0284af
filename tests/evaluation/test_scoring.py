import pytest

from worksafe import Moderator
from worksafe.evaluation.datasets import Example
from worksafe.evaluation.scoring import Scored, Unchecked, score_examples


def test_scores_come_from_the_moderator_with_the_label_that_fired(
    brightness: list[Example], scored: list[Scored]
) -> None:
    assert [one.example for one in scored] == brightness
    assert scored[0].scores["violence.blood"] == pytest.approx(200 / 255, abs=1e-6)
    assert (scored[3].decision, scored[3].fired) == ("block", "violence.blood")
    assert (scored[1].decision, scored[1].fired) == ("allow", "")


def test_a_picture_that_is_missing_is_told_and_spoils_no_other(
    brightness: list[Example], moderator: Moderator
) -> None:
    brightness[7].path.unlink()

    told = list(score_examples(moderator, brightness))

    (missing,) = [one for one in told if isinstance(one, Unchecked)]
    assert told.index(missing) == 7
    assert missing.example == brightness[7]
    assert "7.png: No such file" in missing.reason
