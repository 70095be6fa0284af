"""The wall: risky formats are decoded in processes of their own, which may crash, hang or burst.

What comes back over the wall is plain text and pixels; nothing in it is run.
"""

import json
import os
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from socket import SO_RCVTIMEO, SO_SNDTIMEO, SOL_SOCKET, socketpair
from typing import Any, NoReturn

import numpy as np

from worksafe.errors import (
    DecoderCrashedError,
    DecodeTimeError,
    InputError,
    input_error,
)
from worksafe.images.deadline import NO_DEADLINE, Deadline
from worksafe.images.limits import ImageLimits
from worksafe.images.pictures import DecodedImage, FilmedPictures, Pictures, View
from worksafe.images.resize import RgbImage

_MODULE = "worksafe.images.walled"
_TEXT_BYTES = 65_536
_PIXEL_BYTES = 256 * 1024**2
_STALL_S = 10
_ENDED = "end"


class Wall:
    """Keeps decoding processes, and starts a new one for each that dies.

    Parameters
    ----------
    processes : int
        So many at once; whoever comes then waits.
    """

    def __init__(self, processes: int) -> None:
        self._free = threading.BoundedSemaphore(processes)
        self._idle: list[_Process] = []
        self._lock = threading.Lock()
        weakref.finalize(self, _kill_all, self._idle)  # nobody has to remember `close`

    @contextmanager
    def open(
        self,
        source: bytes | Path,
        format_name: str,
        limits: ImageLimits,
        side_px: int,
        deadline: Deadline = NO_DEADLINE,
    ) -> Iterator[Pictures]:
        """Decode a file behind the wall.

        Parameters
        ----------
        source : bytes or Path
            The file; of a video by path only what is needed is read.
        format_name : str
            What its bytes say.
        limits : ImageLimits
            Ceilings, its `decode_s` among them.
        side_px : int
            The longest side that a detector wants.
        deadline : Deadline, optional
            Nothing is begun, waited for or gone on with beyond it.

        Yields
        ------
        Pictures
            A video's views come while they are gone through, inside the ``with`` block only.

        Raises
        ------
        DeadlineExceededError
            If the time is over; what was decoded is given up.
        DecodeTimeError
            If the process is silent for too long; it is killed.
        DecoderCrashedError
            If it dies.
        InputError
            As `decode_image`; for a video while its views are gone through.
        """
        job = _Job(source, format_name, limits, side_px, deadline)
        with self._turn(deadline):
            process = self._take()
            try:
                try:
                    pictures = process.work(job)
                except DecoderCrashedError:
                    if process.is_fresh or process.has_begun:
                        raise
                    process.kill()  # it was dying while it was idle: no fault of this file
                    process = _Process()
                    pictures = process.work(job)
                yield pictures
            finally:
                if process.is_idle:
                    process.is_fresh = False
                    with self._lock:
                        self._idle.append(process)
                else:
                    process.kill()

    def warm_up(self) -> None:
        """Start one process, without waiting for it."""
        if not self._idle:
            self._idle.append(_Process())

    def close(self) -> None:
        """End all processes that are idle."""
        with self._lock:
            _kill_all(self._idle)

    @contextmanager
    def _turn(self, deadline: Deadline) -> Iterator[None]:
        """Wait until fewer than so many decode."""
        while not self._free.acquire(timeout=deadline.cut(threading.TIMEOUT_MAX)):
            deadline.check()
        try:
            deadline.check()
            yield
        finally:
            self._free.release()

    def _take(self) -> "_Process":
        with self._lock:
            while self._idle:
                process = self._idle.pop()
                if process.is_alive:
                    return process
                process.kill()
        return _Process()


def _kill_all(processes: "list[_Process]") -> None:
    while processes:
        processes.pop().kill()


@dataclass(frozen=True, slots=True)
class _Job:
    """What one process has to decode, and until when somebody waits for it."""

    source: bytes | Path
    format_name: str
    limits: ImageLimits
    side_px: int
    deadline: Deadline

    @property
    def head(self) -> bytes:
        said: dict[str, Any] = {
            "format": self.format_name, "limits": asdict(self.limits), "side_px": self.side_px
        }  # fmt: skip
        if isinstance(self.source, Path):
            said["path"] = os.fsencode(self.source.absolute()).hex()
        return json.dumps(said).encode()

    @property
    def until(self) -> float:
        """When it has been silent for too long, from now on."""
        return time.monotonic() + self.deadline.cut(self.limits.decode_s)

    def give_up(self) -> NoReturn:
        self.deadline.check()
        raise DecodeTimeError("decoding took longer than is allowed for one image")


class _Process:
    """One decoding process, and the talk with it."""

    def __init__(self) -> None:
        ours, theirs = socketpair()
        for direction in (SO_SNDTIMEO, SO_RCVTIMEO):  # of each piece, where it has stopped midway
            ours.setsockopt(SOL_SOCKET, direction, struct.pack("ll", _STALL_S, 0))
        with theirs:
            self._popen = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-P", "-m", _MODULE, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is for us: what runs is finished
                env=_environment(),
            )
        self._talk = Connection(ours.detach())
        self.is_idle = True
        self.is_fresh = True  # until it has done a job
        self.has_begun = False  # with the last job that it was given

    @property
    def is_alive(self) -> bool:
        return self._popen.poll() is None

    def work(self, job: _Job) -> Pictures:
        self.is_idle = self.has_begun = False
        try:
            self._talk.send_bytes(job.head)
            if isinstance(job.source, bytes):
                self._talk.send_bytes(job.source)
        except OSError as error:
            raise _crashed() from error
        begun = self._hear(job, job.until)
        self.has_begun = True
        if begun["is_video"]:
            film = FilmedPictures(job.format_name, iter(()))
            film.views = self._film(film, job)
            return film
        return self._picture(job)

    def _picture(self, job: _Job) -> DecodedImage:
        until = job.until
        views: list[View] = []
        while True:
            said = self._hear(job, until)
            if said["kind"] == _ENDED:
                self.is_idle = True
                return DecodedImage(
                    job.format_name,
                    int(said["width"]),
                    int(said["height"]),
                    int(said["frames"]),
                    tuple(views),
                    float(said["unseen"]),
                    bool(said["odd_thumbnail"]),
                )
            views.append(self._view(said))

    def _film(self, film: FilmedPictures, job: _Job) -> Iterator[View]:
        until = job.until
        while True:
            said = self._hear(job, until)
            film.width, film.height = int(said["width"]), int(said["height"])
            film.frames, film.unseen = int(said["frames"]), float(said["unseen"])
            film.duration_s = float(said["duration_s"])
            if said["kind"] == _ENDED:
                self.is_idle = True
                return
            if said["kind"] == "view":
                view = self._view(said)
                around = tuple(self._view(near) for near in said["around"])
                yield replace(view, around=around)
                until = job.until

    def _view(self, said: dict[str, Any]) -> View:
        return View(
            int(said["frame"]),
            self._pixels(said["shape"]),
            float(said["time_s"]),
            is_preview=bool(said["is_preview"]),
            is_still=bool(said["is_still"]),
        )

    def _pixels(self, shape: list[int]) -> RgbImage:
        height, width = (int(side) for side in shape)
        data = self._read(3 * height * width)
        return np.frombuffer(data, dtype=np.uint8).reshape(height, width, 3)

    def _hear(self, job: _Job, until: float) -> dict[str, Any]:
        try:
            if not self._talk.poll(max(0.0, until - time.monotonic())):
                job.give_up()
        except OSError as error:
            raise _crashed() from error
        said: dict[str, Any] = json.loads(self._read(_TEXT_BYTES))
        if said["kind"] == "error":
            self.is_idle = said["code"] != DecoderCrashedError.code  # with that it ends
            raise input_error(said["code"], said["message"])
        return said

    def _read(self, most: int) -> bytes:
        try:
            return self._talk.recv_bytes(min(most, _PIXEL_BYTES))
        except (OSError, EOFError) as error:
            raise _crashed() from error

    def kill(self) -> None:
        self._popen.kill()
        self._popen.wait()
        self._talk.close()


def _environment() -> dict[str, str]:
    """Ours, without our settings: one may be a password, and a decoder may be taken over."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WORKSAFE_")}
    return {**kept, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _crashed() -> InputError:
    return DecoderCrashedError("the decoder crashed, or ran out of the memory that it is allowed")
