"""How much runs at once and how much may wait: refuse at once when full, honour deadlines."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

from worksafe.errors import ClosedError, DeadlineExceededError, OverloadedError
from worksafe.images.deadline import Deadline

_FULL = "as many requests are waiting as are allowed; try again later"

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class Wait:
    """Measures the time from when work is handed over until it begins, in seconds."""

    def __init__(self) -> None:
        self._handed_over = time.monotonic()
        self._began: float | None = None

    def end(self) -> None:
        """Note that the work begins."""
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """So long it was, or has been so far."""
        return (self._began or time.monotonic()) - self._handed_over


class Task(Generic[Result]):
    """What became of one piece of work: how long it waited, and its result.

    Parameters
    ----------
    future : Future
        Of the result.
    deadline : Deadline
        Until when the result is waited for.
    wait : Wait
        For a thread.
    """

    def __init__(self, future: "Future[Result]", deadline: Deadline, wait: "Wait") -> None:
        self._future = future
        self._deadline = deadline
        self._wait = wait

    @property
    def waited_s(self) -> float:
        """Seconds that it waited for a thread; until now, where it got none."""
        return self._wait.seconds

    def result(self) -> Result:
        """Wait for the result.

        Raises
        ------
        DeadlineExceededError
            If it is not there in time. Work that has begun is left to end by itself.
        """
        try:
            self._future.exception(timeout=self._deadline.remaining_s)
        except TimeoutError as error:  # nothing that the work has raised: that is returned
            self._future.cancel()
            raise DeadlineExceededError("the time allowed for the request ran out") from error
        return self._future.result()


class Place:
    """A request's place: free again when the request has left and all its work has ended.

    A request that gave up at its deadline leaves work behind that still keeps a thread busy; as
    long as it does, nobody else is let in for it.

    Parameters
    ----------
    free : callable
        Called once, when the place is free.
    """

    def __init__(self, free: Callable[[], None]) -> None:
        self._free = free
        self._holders = 0
        self._lock = threading.Lock()

    def hold(self) -> None:
        """Count one more holder: the request itself, or a piece of its work."""
        with self._lock:
            self._holders += 1

    def let_go(self) -> None:
        """Count one holder less."""
        with self._lock:
            self._holders -= 1
            is_free = self._holders == 0
        if is_free:
            self._free()


class Admission:
    """Lets requests in, and runs their work on a fixed number of threads.

    Parameters
    ----------
    running : int
        Pieces of work at once; each runs on one thread.
    waiting : int
        Requests that may be inside beyond those `running`; any more are refused.
    """

    def __init__(self, running: int, waiting: int) -> None:
        self._running = running
        self._free = running + waiting
        self._lock = threading.Lock()
        self._is_closed = False
        self._pool = ThreadPoolExecutor(running, thread_name_prefix="worksafe")

    def refuse_when_full(self) -> None:
        """Raise OverloadedError if all places are taken, before a request is even read."""
        if not self._free:
            raise OverloadedError(_FULL)

    @contextmanager
    def admit(self) -> Iterator[Place]:
        """Hold a place for a whole request.

        Raises
        ------
        OverloadedError
            At once, if all places are taken.
        """
        with self._lock:
            self.refuse_when_full()
            self._free -= 1
        place = Place(self._leave)
        place.hold()
        try:
            yield place
        finally:
            place.let_go()

    def _leave(self) -> None:
        with self._lock:
            self._free += 1

    def map(
        self,
        work: Callable[[Piece], Result],
        pieces: Iterable[Piece],
        deadline: Deadline,
        place: Place | None = None,
    ) -> Iterator[Task[Result]]:
        """Start work on pieces in order, and yield each when it is its turn.

        No more than two for each thread are handed over ahead, so that a set of a thousand images
        and a single one share the threads fairly and `pieces` may be endless.

        Parameters
        ----------
        work : callable
            Takes a piece, on a thread of the pool.
        pieces : iterable
            What to work on; read on the caller's thread. Where it fails, what it gave before is
            finished first.
        deadline : Deadline
            For all of it.
        place : Place, optional
            Held until the last piece has ended.

        Yields
        ------
        Task
            In the order of `pieces`; ask it for its result before asking for the next.

        Raises
        ------
        ClosedError
            If no more work is taken.
        """
        source = iter(pieces)
        ahead: deque[Task[Result]] = deque()
        failure: Exception | None = None
        while True:
            try:
                while failure is None and len(ahead) < 2 * self._running:
                    ahead.append(self._start(work, next(source), deadline, place))
            except StopIteration:
                source = iter(())
            except Exception as error:  # noqa: BLE001 - raised again below
                failure = error
            if not ahead:
                break
            yield ahead.popleft()
        if failure is not None:
            raise failure

    def _start(
        self,
        work: Callable[[Piece], Result],
        piece: Piece,
        deadline: Deadline,
        place: Place | None,
    ) -> Task[Result]:
        wait = Wait()

        def run() -> Result:
            wait.end()
            deadline.check()
            return work(piece)

        try:
            future = self._pool.submit(run)
        except RuntimeError as error:
            if not self._is_closed:  # no more threads can be started
                raise
            raise ClosedError("it is closed and takes no more images") from error
        if place is not None:
            place.hold()
            future.add_done_callback(lambda _: place.let_go())
        return Task(future, deadline, wait)

    def close(self) -> None:
        """Take no more work; what was taken is finished."""
        self._is_closed = True
        self._pool.shutdown(wait=True)
