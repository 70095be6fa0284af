import os
from collections.abc import Iterator
from dataclasses import asdict
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from worksafe.errors import DecoderCrashedError, ImagePixelsError
from worksafe.images.formats import MP4
from worksafe.images.isolated.messages import (
    Begun,
    Ended,
    Job,
    Message,
    Passed,
    Shown,
    receive,
    receive_job,
    send,
    send_error,
    send_job,
)
from worksafe.images.limits import ImageLimits
from worksafe.images.pictures import Summary, View

Ends = tuple[Connection, Connection]


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = Pipe()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize(
    "source", [b"bytes", Path("/films/a.mp4"), Path(os.fsdecode(b"/films/\xff.mp4"))], ids=repr
)
def test_a_job_comes_as_it_was_given(source: bytes | Path, ends: Ends) -> None:
    job = Job(source, MP4, ImageLimits(max_frames=7, decode_s=1.5), 320)

    send_job(ends[0], job)

    assert receive_job(ends[1]) == job


@pytest.mark.parametrize(
    "message",
    [
        Begun(),
        Passed(Summary(64, 48, 3, 0.25, duration_s=1.5)),
        Ended(Summary(64, 48, 3, 0.25, odd_thumbnail=True)),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_is_told_comes_as_it_was_told(message: Message, ends: Ends) -> None:
    send(ends[0], message)

    assert as_told(receive(ends[1])) == as_told(message)


def as_told(message: Message) -> tuple[type[Message], dict[str, Any]]:
    return type(message), asdict(message)


def test_a_view_comes_with_its_pixels_and_its_neighbours(ends: Ends) -> None:
    small, large = (np.full((side, side + 1, 3), side, dtype=np.uint8) for side in (2, 5))
    near = View(3, small, 0.5)
    view = View(4, large, 0.75, (near,), is_preview=True, is_still=True)

    send(ends[0], Shown(Summary(6, 5, 9), view))
    shown = receive(ends[1])

    assert isinstance(shown, Shown)
    assert asdict(shown.summary) == asdict(Summary(6, 5, 9))
    for got, given in ((shown.view, view), (shown.view.around[0], near)):
        assert np.array_equal(got.pixels, given.pixels)
        assert (got.frame, got.time_s) == (given.frame, given.time_s)
        assert (got.is_preview, got.is_still) == (given.is_preview, given.is_still)


def test_an_error_is_raised_on_the_other_side(ends: Ends) -> None:
    send_error(ends[0], ImagePixelsError("too many pixels"))

    with pytest.raises(ImagePixelsError, match="too many pixels"):
        receive(ends[1])


def test_a_decoder_cannot_send_more_than_it_may(ends: Ends) -> None:
    ends[0].send_bytes(b'{"kind": "begun"' + b" " * 65_536 + b"}")

    with pytest.raises(OSError, match="bad message length"):
        receive(ends[1])


@pytest.mark.parametrize("size", [47, 49])
def test_a_decoder_cannot_send_other_pixels_than_it_said(size: int, ends: Ends) -> None:
    view = View(0, np.zeros((4, 4, 3), dtype=np.uint8))
    send(ends[0], Shown(Summary(), view))
    text, _ = ends[1].recv_bytes(), ends[1].recv_bytes()

    ends[0].send_bytes(text)
    ends[0].send_bytes(b"\0" * size)

    with pytest.raises((OSError, DecoderCrashedError), match=r"bad message length|makes no sense"):
        receive(ends[1])


@pytest.mark.parametrize(
    "said",
    [
        b"5",
        b"{}",
        b"[" * 50_000,
        b'{"kind": "other"}',
        b'{"kind": "passed", "summary": {}}',
        b'{"kind": "ended", "summary": {"width": 1e999, "height": 1, "frames": 1, "unseen": 0}}',
        b'{"kind": "shown", "shape": [-1, 1], "around": [], "summary": {}}',
        b"\xff",
    ],
    ids=lambda said: said[:20].decode("latin-1"),
)
def test_nonsense_is_a_crash_of_the_decoder(said: bytes, ends: Ends) -> None:
    ends[0].send_bytes(said)

    with pytest.raises(DecoderCrashedError):
        receive(ends[1])


def test_a_decoder_cannot_send_more_neighbours_than_there_are(ends: Ends) -> None:
    small = np.zeros((1, 1, 3), dtype=np.uint8)
    view = View(0, small, around=tuple(View(number, small) for number in range(1, 100)))
    send(ends[0], Shown(Summary(), view))

    with pytest.raises(DecoderCrashedError, match="makes no sense"):
        receive(ends[1])
