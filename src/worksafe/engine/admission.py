"""How much runs at once and how much may wait: refuse at once when full, honour deadlines."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Generic, TypeVar

from worksafe.errors import DeadlineExceededError, OverloadedError

Item = TypeVar("Item")
Result = TypeVar("Result")


class Deadline:
    """A point in time by which work must be done.

    Parameters
    ----------
    seconds : float or None
        From now; None for never.
    """

    def __init__(self, seconds: float | None) -> None:
        self._at = None if seconds is None else time.monotonic() + seconds

    @property
    def remaining_s(self) -> float | None:
        """Seconds left, never below 0; None for no deadline."""
        return None if self._at is None else max(0.0, self._at - time.monotonic())

    def check(self) -> None:
        """Raise DeadlineExceededError when no time is left."""
        if self.remaining_s == 0:
            raise DeadlineExceededError("the time allowed for the request ran out")


class Task(Generic[Result]):
    """What became of one piece of work: how long it waited, and its result.

    Parameters
    ----------
    future : Future
        Of the pair (seconds waited, result).
    deadline : Deadline
        Until when the result is waited for.
    """

    def __init__(self, future: "Future[tuple[float, Result]]", deadline: Deadline) -> None:
        self._future = future
        self._deadline = deadline

    def result(self) -> tuple[float, Result]:
        """Wait for seconds waited and result.

        Raises
        ------
        DeadlineExceededError
            If it is not there in time. Work that has begun is left to end by itself.
        """
        try:
            return self._future.result(timeout=self._deadline.remaining_s)
        except TimeoutError as error:
            self._future.cancel()
            raise DeadlineExceededError("the time allowed for the request ran out") from error


class Admission:
    """Lets requests in, and runs their work on a fixed number of threads.

    Parameters
    ----------
    running : int
        Pieces of work at once: one for each core, since each runs on one thread.
    waiting : int
        Requests that may be inside beyond those `running`; any more are refused.
    """

    def __init__(self, running: int, waiting: int) -> None:
        self._running = running
        self._places = threading.BoundedSemaphore(running + waiting)
        self._pool = ThreadPoolExecutor(running, thread_name_prefix="worksafe")

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Hold a place for a whole request.

        Raises
        ------
        OverloadedError
            At once, if all places are taken.
        """
        if not self._places.acquire(blocking=False):
            raise OverloadedError("as many requests are waiting as are allowed; try again later")
        try:
            yield
        finally:
            self._places.release()

    def map(
        self, work: Callable[[Item], Result], items: Iterable[Item], deadline: Deadline
    ) -> Iterator[Task[Result]]:
        """Start work on items in order, and yield each when it is its turn.

        No more than two items for each thread are handed over ahead, so that a set of a thousand
        images and a single one share the threads fairly and `items` may be endless.

        Parameters
        ----------
        work : callable
            Takes an item, on a thread of the pool.
        items : iterable
            What to work on.
        deadline : Deadline
            For all of it.

        Yields
        ------
        Task
            In the order of `items`; ask it for its result before asking for the next.
        """

        def start(item: Item) -> Task[Result]:
            handed_over = time.monotonic()

            def run() -> tuple[float, Result]:
                waited = time.monotonic() - handed_over
                deadline.check()
                return waited, work(item)

            return Task(self._pool.submit(run), deadline)

        source = iter(items)
        ahead = deque(start(item) for item in islice(source, 2 * self._running))
        while ahead:
            yield ahead.popleft()
            ahead.extend(start(item) for item in islice(source, 1))

    def close(self) -> None:
        """Stop taking work; what runs is finished."""
        self._pool.shutdown(wait=True, cancel_futures=True)
