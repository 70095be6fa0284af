"""Idle places: where nothing else runs, the detectors look at one picture at once."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class IdlePlaces:
    """Lends the places that no work holds, for a moment: a busy machine works one by one.

    Parameters
    ----------
    places : int
        Work at once at most.
    """

    def __init__(self, places: int) -> None:
        self._idle = threading.BoundedSemaphore(places)
        self._pool = ThreadPoolExecutor(places, thread_name_prefix="worksafe-idle")

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold a place, after waiting for one that is lent."""
        with self._idle:
            yield

    def map(self, work: Callable[[Piece], Result], pieces: Sequence[Piece]) -> list[Result]:
        """Work on pieces: the first here, each of the others at a place that is idle, or here.

        Parameters
        ----------
        work : callable
            Takes a piece, on any thread; what it raises is raised here.
        pieces : sequence
            What to work on.

        Returns
        -------
        list
            In the order of `pieces`.
        """
        lent = [self._lend(work, piece) if at else None for at, piece in enumerate(pieces)]
        done = [
            work(piece) if future is None else future
            for piece, future in zip(pieces, lent, strict=True)
        ]
        return [one.result() if isinstance(one, Future) else one for one in done]

    def _lend(self, work: Callable[[Piece], Result], piece: Piece) -> Future[Result] | None:
        if not self._idle.acquire(blocking=False):
            return None
        try:
            future = self._pool.submit(work, piece)
        except RuntimeError:  # closed: what was begun is finished here
            self._idle.release()
            return None
        future.add_done_callback(lambda _: self._idle.release())
        return future

    def close(self) -> None:
        """Lend no more."""
        self._pool.shutdown(wait=True)
