"""What the two processes say to each other: a job there, and back what is decoded of it.

Messages are JSON, and pixels as they are: nothing that comes back is run, for the decoder that says
it may have been taken over.
"""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from worksafe.errors import DecoderCrashedError, InputError, input_error
from worksafe.images.formats import FORMATS, ImageFormat
from worksafe.images.limits import ImageLimits
from worksafe.images.pictures import Summary, View
from worksafe.images.resize import RgbImage

_TEXT_BYTES = 65_536
_NONSENSE = (ValueError, TypeError, KeyError, OverflowError, RecursionError)
_FILE_BYTES = 4 * 1024**3
_PIXEL_BYTES = 256 * 1024**2
_MOST_AROUND = 8  # frames of a film's second look; there are two


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be decoded.

    Attributes
    ----------
    source : bytes or Path
        The file; of a video by path only what is needed is read.
    format : ImageFormat
        What its bytes say.
    limits : ImageLimits
        Ceilings, its `decode_s` and `decoder_bytes` among them.
    side_px : int
        The longest side that a detector wants.
    """

    source: bytes | Path
    format: ImageFormat
    limits: ImageLimits
    side_px: int


@dataclass(frozen=True, slots=True)
class Begun:
    """The job has come, and is worked on."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A frame of a video was passed over."""

    summary: Summary


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture to score."""

    summary: Summary
    view: View


@dataclass(frozen=True, slots=True)
class Ended:
    """All of it is decoded."""

    summary: Summary


Message = Begun | Passed | Shown | Ended


def send_job(talk: Connection, job: Job) -> None:
    """Hand over what is to be decoded; raises OSError where nobody listens."""
    words: dict[str, Any] = {
        "format": job.format.name, "limits": asdict(job.limits), "side_px": job.side_px
    }  # fmt: skip
    if isinstance(job.source, Path):  # whose name may be no valid text
        words["path"] = os.fsencode(job.source.absolute()).hex()
    _say(talk, words)
    if isinstance(job.source, bytes):
        talk.send_bytes(job.source)


def receive_job(talk: Connection) -> Job:
    """Wait for a job; raises EOFError or OSError where the other side has hung up."""
    words = json.loads(talk.recv_bytes(_TEXT_BYTES))
    limits = ImageLimits(**words["limits"])
    if "path" in words:
        source: bytes | Path = Path(os.fsdecode(bytes.fromhex(words["path"])))
    else:
        source = talk.recv_bytes(_FILE_BYTES)
    known = next(one for one in FORMATS if one.name == words["format"])
    return Job(source, known, limits, words["side_px"])


def send(talk: Connection, message: Message) -> None:
    """Tell how far decoding has come."""
    match message:
        case Begun():
            _say(talk, {"kind": "begun"})
        case Passed(summary):
            _say(talk, {"kind": "passed", "summary": asdict(summary)})
        case Ended(summary):
            _say(talk, {"kind": "ended", "summary": asdict(summary)})
        case Shown(summary, view):
            around = [_described(near) for near in view.around]
            words = {"kind": "shown", "summary": asdict(summary), "around": around}
            _say(talk, {**words, **_described(view)})
            for one in (view, *view.around):
                talk.send_bytes(one.pixels.tobytes())


def send_error(talk: Connection, error: InputError) -> None:
    """Tell why the file cannot be decoded."""
    _say(talk, {"kind": "error", "code": error.code, "message": str(error)})


def receive(talk: Connection) -> Message:
    """Take in what comes next.

    Parameters
    ----------
    talk : Connection
        With a process that decodes.

    Returns
    -------
    Begun, Passed, Shown or Ended

    Raises
    ------
    InputError
        The one that the file has caused there.
    DecoderCrashedError
        If it is no message.
    EOFError, OSError
        If the process is gone, stops midway, or says more than it may.
    """
    try:
        return _receive(talk)
    except _NONSENSE as error:
        raise DecoderCrashedError("the decoder crashed: what it said makes no sense") from error


def _receive(talk: Connection) -> Message:
    words: dict[str, Any] = json.loads(talk.recv_bytes(_TEXT_BYTES))
    match words["kind"]:
        case "begun":
            return Begun()
        case "passed":
            return Passed(_summary(words["summary"]))
        case "ended":
            return Ended(_summary(words["summary"]))
        case "shown":
            if len(words["around"]) > _MOST_AROUND:
                raise ValueError("more frames around one than there are")
            pixels = _pixels(talk, words)
            around = tuple(_view(near, _pixels(talk, near)) for near in words["around"])
            return Shown(_summary(words["summary"]), _view(words, pixels, around))
        case _:
            raise input_error(words["code"], words["message"])


def _say(talk: Connection, words: Mapping[str, Any]) -> None:
    talk.send_bytes(json.dumps(words).encode())


def _described(view: View) -> dict[str, Any]:
    return {
        "frame": view.frame,
        "time_s": view.time_s,
        "is_preview": view.is_preview,
        "is_still": view.is_still,
        "shape": view.pixels.shape[:2],
    }


def _view(words: Mapping[str, Any], pixels: RgbImage, around: tuple[View, ...] = ()) -> View:
    return View(
        int(words["frame"]),
        pixels,
        _finite(words["time_s"]),
        around,
        is_preview=bool(words["is_preview"]),
        is_still=bool(words["is_still"]),
    )


def _pixels(talk: Connection, words: Mapping[str, Any]) -> RgbImage:
    height, width = (int(side) for side in words["shape"])
    data = talk.recv_bytes(min(3 * height * width, _PIXEL_BYTES))
    return np.frombuffer(data, dtype=np.uint8).reshape(height, width, 3)


def _summary(words: Mapping[str, Any]) -> Summary:
    return Summary(
        int(words["width"]),
        int(words["height"]),
        int(words["frames"]),
        _finite(words["unseen"]),
        bool(words["odd_thumbnail"]),
        _finite(words["duration_s"]),
    )


def _finite(value: float) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number
