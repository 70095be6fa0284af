"""What is believed of a kept result must hold for every result there is, or nothing is kept."""

import pytest

from fakes import brightness_detector
from worksafe import Moderator, Settings
from worksafe.doctor.corpus_moving import MOVING
from worksafe.doctor.corpus_pictures import PICTURES
from worksafe.engine.cache import Recall
from worksafe.engine.found import Found
from worksafe.engine.plausibility import refuse_impossible


def test_whatever_is_found_in_odd_files_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Found] = []
    monkeypatch.setattr(Recall, "put", lambda _, __, found: kept.append(found))
    moderator = Moderator(Settings(decode_s=60), detectors=[brightness_detector()])

    for make, _ in (PICTURES | MOVING).values():
        moderator.check(make())
    moderator.close()

    assert len(kept) > 50
    for found in kept:
        refuse_impossible(found, moderator.labels)
