import time
from pathlib import Path

import pytest

from fakes import brightness_detector
from pictures import encode, photo
from worksafe import Moderator, Settings
from worksafe.images.deadline import Deadline
from worksafe.images.open import Opener, Read
from worksafe.images.source import Source

SLOW_MS = 500


@pytest.mark.parametrize("is_known", [False, True])
def test_reading_counts_as_decoding_and_not_as_inference(
    is_known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(photo().resize((64, 64))))
    moderator = Moderator(Settings(cache_entries=10), detectors=[brightness_detector()])
    if is_known:
        moderator.check(path)
    read = Opener.read

    def read_slowly(opener: Opener, source: Source, deadline: Deadline) -> Read:
        time.sleep(SLOW_MS / 1000)
        return read(opener, source, deadline)

    monkeypatch.setattr(Opener, "read", read_slowly)
    timing = moderator.check(path).timing
    moderator.close()

    assert timing.decode >= SLOW_MS
    assert timing.inference < SLOW_MS
