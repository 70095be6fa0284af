"""A process that decodes for `pool.DecoderPool`, and may die doing so."""

import io
import resource
import signal
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import BinaryIO

from worksafe.errors import DecoderCrashedError, InputError, UnreadableSourceError
from worksafe.images.decode import decode_image
from worksafe.images.heap import return_large_blocks
from worksafe.images.isolated.messages import (
    Begun,
    Ended,
    Job,
    Passed,
    Shown,
    receive_job,
    send,
    send_error,
)
from worksafe.images.limits import ImageLimits

_STATM = Path("/proc/self/statm")
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
                job = receive_job(talk)
            except (EOFError, OSError):
                return
            try:
                _work(talk, job)
            except InputError as error:
                send_error(talk, error)
                if isinstance(error, DecoderCrashedError):
                    return  # out of memory, which need not all come back


def _work(talk: Connection, job: Job) -> None:
    _limit_memory(job.limits.decoder_bytes)
    _limit_time(job.limits.decode_s)
    send(talk, Begun())
    if not job.format.is_video:
        _decode_picture(talk, job)
        return
    with _open(job.source) as file:
        _decode_film(talk, file, job.limits, job.side_px)


def _decode_picture(talk: Connection, job: Job) -> None:
    if isinstance(job.source, Path):  # it was a video when it was looked at
        raise UnreadableSourceError("the file has changed while it was read")
    decoded = decode_image(job.source, job.limits, job.side_px)
    for view in decoded.views:
        send(talk, Shown(decoded.summary, view))
    send(talk, Ended(decoded.summary))


def _decode_film(talk: Connection, file: BinaryIO, limits: ImageLimits, side_px: int) -> None:
    from worksafe.images.video import Video  # noqa: PLC0415 - an extra; costs 0.1 s to import

    video = Video(file, limits, side_px)
    for view in video.views():
        _limit_time(limits.decode_s)
        send(talk, Shown(video.info, view) if view else Passed(video.info))
    send(talk, Ended(video.info))


def _open(source: bytes | Path) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    try:
        return source.open("rb")
    except OSError as error:
        msg = f"cannot read the video: {error.strerror}"
        raise UnreadableSourceError(msg) from error


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
