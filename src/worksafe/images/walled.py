"""The far side of the wall: a process that decodes for `wall.Wall`, and may die doing so."""

import io
import json
import os
import resource
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, BinaryIO

from worksafe.errors import DecoderCrashedError, InputError, UnreadableSourceError
from worksafe.images.decode import decode_image
from worksafe.images.formats import FORMATS
from worksafe.images.heap import return_large_blocks
from worksafe.images.limits import ImageLimits
from worksafe.images.pictures import View

_STATM = Path("/proc/self/statm")
_JOB_BYTES = 65_536
_FILE_BYTES = 4 * 1024**3
_SPARE_CPU_S = 5  # beyond what the other side waits for


def main(arguments: Sequence[str]) -> None:
    """Serve until the other side hangs up.

    Parameters
    ----------
    arguments : sequence of str
        The number of the open socket.
    """
    for one in (signal.SIGTERM, signal.SIGINT):  # sent to all of a service: what runs is finished
        signal.signal(one, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return_large_blocks()
    with Connection(int(arguments[0])) as talk:
        while True:
            try:
                job = json.loads(talk.recv_bytes(_JOB_BYTES))
                path = os.fsdecode(bytes.fromhex(job["path"])) if "path" in job else None
                data = talk.recv_bytes(_FILE_BYTES) if path is None else b""
            except (EOFError, OSError):
                return
            try:
                _work(talk, job, path, data)
            except InputError as error:
                _say(talk, {"kind": "error", "code": error.code, "message": str(error)})
                if isinstance(error, DecoderCrashedError):
                    return  # out of memory, which need not all come back


def _work(talk: Connection, job: dict[str, Any], path: str | None, data: bytes) -> None:
    limits = ImageLimits(**job["limits"])
    known = next(one for one in FORMATS if one.name == job["format"])
    _limit_memory(limits.decoder_bytes)
    _limit_time(limits.decode_s)
    _say(talk, {"kind": "begin", "is_video": known.is_video})
    if known.is_video:
        with _open(path) if path is not None else io.BytesIO(data) as file:
            _film(talk, file, limits, job["side_px"])
    else:
        _picture(talk, data, limits, job["side_px"])


def _picture(talk: Connection, data: bytes, limits: ImageLimits, side_px: int) -> None:
    decoded = decode_image(data, limits, side_px)
    for view in decoded.views:
        _show(talk, view, {})
    end = {
        "kind": "end",
        "width": decoded.width,
        "height": decoded.height,
        "frames": decoded.frames,
        "unseen": decoded.unseen,
        "odd_thumbnail": decoded.odd_thumbnail,
    }
    _say(talk, end)


def _film(talk: Connection, file: BinaryIO, limits: ImageLimits, side_px: int) -> None:
    from worksafe.images.video import Video  # noqa: PLC0415 - an extra; costs 0.1 s to import

    video = Video(file, limits, side_px)
    for view in video.views():
        _limit_time(limits.decode_s)
        info = asdict(video.info)
        if view is None:
            _say(talk, {"kind": "passed", **info})
        else:
            _show(talk, view, info)
    _say(talk, {"kind": "end", **info})


def _open(path: str) -> BinaryIO:
    try:
        return open(path, "rb")  # noqa: PTH123 - may be no valid text; closed by the caller
    except OSError as error:
        msg = f"cannot read the video: {error.strerror}"
        raise UnreadableSourceError(msg) from error


def _show(talk: Connection, view: View, info: dict[str, Any]) -> None:
    """Send a view and its neighbours: what they are as text, then their pixels."""
    around = [_described(near) for near in view.around]
    _say(talk, {"kind": "view", "around": around, **_described(view), **info})
    for one in (view, *view.around):
        talk.send_bytes(one.pixels.tobytes())


def _described(view: View) -> dict[str, Any]:
    return {
        "frame": view.frame,
        "time_s": view.time_s,
        "is_preview": view.is_preview,
        "is_still": view.is_still,
        "shape": view.pixels.shape[:2],
    }


def _say(talk: Connection, words: dict[str, Any]) -> None:
    talk.send_bytes(json.dumps(words).encode())


def _limit_memory(size: int) -> None:
    """Let the process grow by so many bytes from here; without effect where there is no /proc."""
    if not _STATM.exists():
        return
    now = int(_STATM.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = now + size if hard == resource.RLIM_INFINITY else min(now + size, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _limit_time(seconds: float) -> None:
    """Die after so many seconds of computing from here, should nobody be left to kill it."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used_s = usage.ru_utime + usage.ru_stime
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used_s + seconds) + _SPARE_CPU_S, hard))


if __name__ == "__main__":
    main(sys.argv[1:])
