import itertools
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from films import film, quiet_film_with, scene
from pictures import BROKEN, encode, photo, quadrants
from processes import decoders
from worksafe.errors import (
    DeadlineExceededError,
    DecoderCrashedError,
    DecodeTimeError,
    InputError,
    UndecodableImageError,
    UnreadableSourceError,
)
from worksafe.images.deadline import Deadline
from worksafe.images.decode import decode_image
from worksafe.images.formats import AVIF, GIF, MP4, PNG, TIFF, ImageFormat
from worksafe.images.isolated.pool import DecoderPool, _Process
from worksafe.images.limits import ImageLimits
from worksafe.images.pictures import DecodedImage

LIMITS = ImageLimits()
SMALL_GIF = encode(photo("cat").quantize(64), "GIF")


@pytest.fixture
def pool() -> Iterator[DecoderPool]:
    made = DecoderPool(2)
    yield made
    made.close()


def long_gif(frames: int = 1500) -> bytes:
    """Takes seconds to look through."""
    pictures = [photo("cat").resize((220, 150)).rotate(index).quantize(32) for index in range(12)]
    return encode(
        pictures[0], "GIF", save_all=True, append_images=pictures[1:] * (frames // 12), duration=20
    )


@pytest.mark.parametrize("known", [GIF, TIFF, AVIF], ids=lambda known: known.name)
def test_pictures_come_as_they_are(known: ImageFormat, pool: DecoderPool) -> None:
    data = encode(photo("cat"), known.name.upper())
    here = decode_image(data, LIMITS, 320)

    with pool.open(data, known, LIMITS, 320) as there:
        views = list(there.views)

    assert (there.width, there.height, there.frames) == (here.width, here.height, here.frames)
    assert np.array_equal(views[0].pixels, here.views[0].pixels)


def test_a_process_serves_again_also_after_a_damaged_file(pool: DecoderPool) -> None:
    before = decoders()
    for data in (SMALL_GIF, SMALL_GIF[:300], SMALL_GIF):
        try:
            with pool.open(data, GIF, LIMITS, 320) as pictures:
                assert list(pictures.views)
        except UndecodableImageError:
            assert data is not SMALL_GIF

    assert len(decoders() - before) == 1


def test_a_process_that_is_killed_costs_its_own_picture_and_is_replaced(
    pool: DecoderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = decoders()
    with pool.open(SMALL_GIF, GIF, LIMITS, 320):
        pass
    (pid,) = decoders() - before
    go_on = _Process._picture

    def killed_in_its_midst(process: _Process, task: Any) -> DecodedImage:
        os.kill(pid, signal.SIGKILL)
        return go_on(process, task)

    with monkeypatch.context() as patched:
        patched.setattr(_Process, "_picture", killed_in_its_midst)
        with pytest.raises(DecoderCrashedError), pool.open(long_gif(), GIF, LIMITS, 320):
            pass

    with pool.open(SMALL_GIF, GIF, LIMITS, 320) as pictures:
        assert list(pictures.views)


def test_a_process_that_died_while_it_was_idle_is_not_used(pool: DecoderPool) -> None:
    before = decoders()
    pool.warm_up()
    (pid,) = decoders() - before
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # until it is dead, and nobody has noticed

    with pool.open(SMALL_GIF, GIF, LIMITS, 320) as pictures:
        assert list(pictures.views)


def test_a_signal_to_all_of_a_service_stops_no_decoder(pool: DecoderPool) -> None:
    before = decoders()
    pool.warm_up()
    (pid,) = decoders() - before
    with pool.open(SMALL_GIF, GIF, LIMITS, 320):  # it is past its start
        pass

    for one in (signal.SIGTERM, signal.SIGINT):
        os.kill(pid, one)
    with pool.open(SMALL_GIF, GIF, LIMITS, 320):
        pass

    assert decoders() - before == {pid}


def test_a_process_that_stopped_while_it_was_idle_holds_nobody_up(
    pool: DecoderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = encode(Image.new("RGB", (1000, 1000)), "TIFF")  # more than a socket takes unread
    before = decoders()
    with monkeypatch.context() as patched:  # of this one alone
        patched.setattr("worksafe.images.isolated.pool._STALL_S", 1)
        pool.warm_up()
    (pid,) = decoders() - before
    with pool.open(SMALL_GIF, GIF, LIMITS, 320):
        pass
    os.kill(pid, signal.SIGSTOP)

    with pool.open(large, TIFF, LIMITS, 320) as pictures:
        assert list(pictures.views)

    assert pid not in decoders()


def test_a_picture_that_takes_too_long_is_given_up_and_its_process_ended(pool: DecoderPool) -> None:
    before = decoders()
    long = long_gif()

    with (
        pytest.raises(DecodeTimeError),
        pool.open(long, GIF, replace(LIMITS, decode_s=0.3), 320),
    ):
        pass

    assert not decoders() - before


def test_a_deadline_ends_decoding_and_waiting_for_it(pool: DecoderPool) -> None:
    before, long = decoders(), long_gif()

    def decode(seconds: float) -> None:
        with pool.open(long, GIF, LIMITS, 320, Deadline(seconds)):
            pass

    with ThreadPoolExecutor() as threads:  # more than there are processes
        given_up = [threads.submit(decode, seconds) for seconds in (0.4, 0.4, 0.4, 0.4, 0.0)]
        faults = [one.exception() for one in given_up]

    assert [type(fault) for fault in faults] == [DeadlineExceededError] * 5
    assert not decoders() - before
    with pool.open(encode(photo("cat"), "GIF"), GIF, LIMITS, 320) as pictures:
        assert list(pictures.views)


def test_a_picture_that_needs_too_much_memory_is_an_error(pool: DecoderPool) -> None:
    before = decoders()
    moves = {"save_all": True, "append_images": [quadrants(4000, 4000).rotate(90)]}
    large = encode(quadrants(4000, 4000), "PNG", compress_level=1, **moves)

    with (
        pytest.raises(DecoderCrashedError),
        pool.open(large, PNG, replace(LIMITS, decoder_bytes=40_000_000), 320),
    ):
        pass

    with pool.open(large, PNG, LIMITS, 320) as pictures:  # by another process
        assert len(list(pictures.views)) == 2
    assert len(decoders() - before) <= 1


def test_a_decoder_knows_none_of_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSAFE_CACHE_URL", "redis://:secret@host/0")
    before = decoders()
    made = DecoderPool(1)

    with made.open(encode(photo("cat"), "GIF"), GIF, LIMITS, 320):
        (pid,) = decoders() - before
        assert b"secret" not in Path(f"/proc/{pid}/environ").read_bytes()

    made.close()


def test_a_film_by_its_path_and_by_its_bytes_is_the_same(pool: DecoderPool, tmp_path: Path) -> None:
    data = quiet_film_with({60: scene("astronaut")}, frames=100)
    path = tmp_path / "film.mp4"
    path.write_bytes(data)

    found = []
    for source in (data, path):
        with pool.open(source, MP4, LIMITS, 320) as pictures:
            frames = [(view.frame, view.time_s, len(view.around)) for view in pictures.views]
            found.append((frames, pictures.frames, pictures.duration_s))

    assert found[0] == found[1]
    assert 60 in [frame for frame, _, _ in found[0][0]]


def test_a_film_that_is_given_up_halfway_leaves_no_process_behind(pool: DecoderPool) -> None:
    before = decoders()
    with pool.open(quiet_film_with({}), MP4, LIMITS, 320) as pictures:
        next(iter(pictures.views))

    assert not decoders() - before


def test_a_film_that_shows_nothing_new_for_too_long_is_given_up(
    pool: DecoderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    still = np.full((64, 64, 3), 90, dtype=np.uint8)
    data = film(320, lambda _: still, fps=1000)  # a frame is chosen every 300
    with pool.open(data, MP4, LIMITS, 320) as pictures:
        assert len(list(pictures.views)) > 1

    clock = SimpleNamespace(monotonic=itertools.count(step=LIMITS.decode_s / 100).__next__)
    monkeypatch.setattr("worksafe.images.isolated.pool.time", clock)  # each frame is slow to come
    with pool.open(data, MP4, LIMITS, 320) as pictures:
        with pytest.raises(DecodeTimeError):
            list(pictures.views)
        assert 0 < pictures.frames < 300


def test_a_film_that_is_not_there_is_an_error(pool: DecoderPool, tmp_path: Path) -> None:
    with (
        pytest.raises(UnreadableSourceError),
        pool.open(tmp_path / "none.mp4", MP4, LIMITS, 320) as pictures,
    ):
        list(pictures.views)


def test_a_decoder_that_dies_while_idle_costs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    before = decoders()
    pool = DecoderPool(1)
    data = encode(quadrants(), "GIF")
    with pool.open(data, GIF, LIMITS, 320) as pictures:
        assert list(pictures.views)
    (pid,) = decoders() - before
    monkeypatch.setattr(_Process, "is_alive", property(lambda _: True))  # not known to be dead yet
    os.kill(pid, signal.SIGKILL)

    with pool.open(data, GIF, LIMITS, 320) as pictures:
        assert list(pictures.views)

    pool.close()


def test_processes_end_with_the_pool() -> None:
    before = decoders()
    made = DecoderPool(1)
    made.warm_up()
    assert decoders() - before

    del made

    assert not decoders() - before


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_have_the_same_codes_there(name: str, pool: DecoderPool) -> None:
    data, code = BROKEN[name]
    if code in {"empty_image", "not_an_image"}:
        pytest.skip("refused before the pool")

    with pytest.raises(InputError) as caught, pool.open(data, GIF, LIMITS, 320):
        pass

    assert caught.value.code == code


def test_nothing_in_the_current_folder_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "resource.py").write_text("raise SystemExit('run')")
    monkeypatch.chdir(tmp_path)
    made = DecoderPool(1)

    with made.open(SMALL_GIF, GIF, LIMITS, 320) as pictures:
        assert list(pictures.views)


def test_a_relative_path_means_what_it_means_to_the_caller(
    pool: DecoderPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pool.open(SMALL_GIF, GIF, LIMITS, 320):
        pass  # a process is running, in the folder that this one was in
    (tmp_path / "film.mp4").write_bytes(quiet_film_with({}, frames=30))
    monkeypatch.chdir(tmp_path)

    with pool.open(Path("film.mp4"), MP4, LIMITS, 320) as pictures:
        assert list(pictures.views)


ENDLESS = """
import sys
from multiprocessing.connection import Connection

import numpy as np

from worksafe.images.isolated.messages import Begun, Shown, receive_job, send
from worksafe.images.pictures import Summary, View

with Connection(int(sys.argv[1])) as talk:
    receive_job(talk)
    send(talk, Begun())
    while True:
        send(talk, Shown(Summary(), View(0, np.zeros((1000, 1000, 3), dtype=np.uint8))))
"""


def test_a_decoder_cannot_send_more_pictures_than_it_has_memory_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "endless_decoder.py").write_text(ENDLESS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("worksafe.images.isolated.pool._MODULE", "endless_decoder")
    made = DecoderPool(1)

    with (
        pytest.raises(DecoderCrashedError),
        made.open(SMALL_GIF, GIF, replace(LIMITS, decoder_bytes=64 * 1024**2), 320),
    ):
        pass
    made.close()
