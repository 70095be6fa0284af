"""Decoders in processes of their own, which may crash, hang or burst: the service goes on."""

import os
import socket
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

from worksafe.errors import DecoderCrashedError, DecodeTimeError, InputError
from worksafe.images.deadline import NO_DEADLINE, Deadline
from worksafe.images.formats import ImageFormat
from worksafe.images.isolated.messages import (
    Begun,
    Ended,
    Job,
    Message,
    Shown,
    receive,
    send_job,
)
from worksafe.images.limits import ImageLimits
from worksafe.images.pictures import DecodedImage, FilmedPictures, Pictures, View

_MODULE = "worksafe.images.isolated.worker"
_STALL_S = 10


class DecoderPool:
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
        known: ImageFormat,
        limits: ImageLimits,
        side_px: int,
        deadline: Deadline = NO_DEADLINE,
    ) -> Iterator[Pictures]:
        """Decode a file in a process of its own.

        Parameters
        ----------
        source : bytes or Path
            The file; of a video by path only what is needed is read.
        known : ImageFormat
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
        task = _Task(Job(source, known, limits, side_px), deadline)
        with self._turn(deadline):
            process = self._take()
            try:
                try:
                    pictures = process.work(task)
                except DecoderCrashedError:
                    if process.is_fresh or process.has_begun:
                        raise
                    process.kill()  # it was dying while it was idle: no fault of this file
                    process = _Process()
                    pictures = process.work(task)
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
class _Task:
    """A job, and until when somebody waits for it."""

    job: Job
    deadline: Deadline

    @property
    def until(self) -> float:
        """When its process has been silent for too long, from now on."""
        return time.monotonic() + self.deadline.cut(self.job.limits.decode_s)

    def give_up(self) -> NoReturn:
        self.deadline.check()
        raise DecodeTimeError("decoding took longer than is allowed for one image")


class _Process:
    """One decoding process, and the talk with it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        # Of each piece of a message that has begun, where it has stopped midway.
        for direction in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            ours.setsockopt(socket.SOL_SOCKET, direction, struct.pack("ll", _STALL_S, 0))
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

    def work(self, task: _Task) -> Pictures:
        self.is_idle = self.has_begun = False
        try:
            send_job(self._talk, task.job)
        except OSError as error:
            raise _crashed() from error
        begun = self._hear(task, task.until)
        if not isinstance(begun, Begun):
            raise _crashed()
        self.has_begun = True
        if task.job.format.is_video:
            film = FilmedPictures(format=task.job.format.name)
            film.views = self._film(film, task)
            return film
        return self._picture(task)

    def _picture(self, task: _Task) -> DecodedImage:
        until = task.until
        views: list[View] = []
        left = task.job.limits.decoder_bytes  # it has all of them before it sends one
        while isinstance(message := self._hear(task, until), Shown):
            left -= message.view.pixels.nbytes
            if left < 0:
                raise _crashed()
            views.append(message.view)
        if not isinstance(message, Ended):
            raise _crashed()
        self.is_idle = True
        known = message.summary
        return DecodedImage(
            format=task.job.format.name,
            width=known.width,
            height=known.height,
            frames=known.frames,
            views=tuple(views),
            unseen=known.unseen,
            odd_thumbnail=known.odd_thumbnail,
        )

    def _film(self, film: FilmedPictures, task: _Task) -> Iterator[View]:
        until = task.until
        while not self.is_idle:
            message = self._hear(task, until)
            if isinstance(message, Begun):
                raise _crashed()
            film.update(message.summary)
            if isinstance(message, Shown):
                yield message.view
                until = task.until
            self.is_idle = isinstance(message, Ended)

    def _hear(self, task: _Task, until: float) -> Message:
        left_s = until - time.monotonic()
        try:  # what says more and more has no more time than what is silent
            has_come = left_s > 0 and self._talk.poll(left_s)
        except OSError as error:
            raise _crashed() from error
        if not has_come:
            task.give_up()
        try:
            return receive(self._talk)
        except InputError as error:
            self.is_idle = not isinstance(error, DecoderCrashedError)  # with that it ends
            raise
        except (OSError, EOFError) as error:
            raise _crashed() from error

    def kill(self) -> None:
        self._popen.kill()
        self._popen.wait()
        self._talk.close()


def _environment() -> dict[str, str]:
    """Ours, without our settings: no library that decodes has use for a password.

    One that was taken over is not kept from them: what runs as the same user can read the server's.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WORKSAFE_")}
    return {**kept, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _crashed() -> InputError:
    return DecoderCrashedError("the decoder crashed, or ran out of the memory that it is allowed")
