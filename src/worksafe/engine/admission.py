"""How much runs at once and how much may wait: refuse at once when full, honour deadlines."""

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Generic, TypeVar

from worksafe.errors import ClosedError, OverloadedError
from worksafe.images.deadline import Deadline

_MOST_AHEAD = 1024  # results that wait for a slower one before them
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
    waited : Wait
        For a thread.
    """

    def __init__(self, future: "Future[Result]", deadline: Deadline, waited: Wait) -> None:
        self.future = future
        self._deadline = deadline
        self._waited = waited

    @property
    def is_done(self) -> bool:
        """Whether its result is there."""
        return self.future.done()

    @property
    def waited_s(self) -> float:
        """Seconds that it waited for a thread; until now, where it got none."""
        return self._waited.seconds

    def cancel(self) -> None:
        """Do not begin it, where it has not begun."""
        self.future.cancel()

    def result(self) -> Result:
        """Wait for the result.

        Raises
        ------
        DeadlineExceededError
            If it is not there in time. Work that has begun is left to end by itself.
        """
        try:
            self.future.exception(timeout=self._deadline.remaining_s)
        except TimeoutError as error:  # nothing that the work has raised: that is returned
            self.cancel()
            raise self._deadline.exceeded() from error
        return self.future.result()


class _Line(Generic[Result]):
    """Tasks in the order of their pieces, each started when fewer than some are not done.

    Parameters
    ----------
    tasks : iterator of Task
        Starts the next one whenever it is asked.
    most : int
        Tasks that are not done, at most.

    Attributes
    ----------
    ahead : deque of Task
        Those whose turn has not come.
    is_over : bool
        No more will be started.
    failure : Exception or None
        Why, where it is not that there are no more.
    """

    def __init__(self, tasks: Iterator[Task[Result]], most: int) -> None:
        self._tasks = tasks
        self._most = most
        self.ahead: deque[Task[Result]] = deque()
        self.is_over = False
        self.failure: Exception | None = None

    def go_on(self) -> list["Future[Result]"]:
        """Start what may be started; tell what is not done."""
        busy = [task.future for task in self.ahead if not task.is_done]
        is_slow = bool(self.ahead) and not self.ahead[0].is_done  # else its turn is enough to go on
        counted = busy if is_slow else self.ahead
        while not self.is_over and len(counted) < self._most and len(self.ahead) < _MOST_AHEAD:
            try:
                self.ahead.append(next(self._tasks))
            except StopIteration:
                self.is_over = True
            except Exception as error:  # noqa: BLE001 - raised when all before it are done
                self.is_over, self.failure = True, error
            else:
                busy.append(self.ahead[-1].future)
        return busy


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
    ) -> Generator[Task[Result], None, None]:
        """Start work on pieces in order, and yield each when it is its turn.

        No more than two for each thread are handed over and not done, so that a set of a thousand
        images and a single one share the threads fairly and `pieces` may be endless. A slow piece
        does not keep those behind it from being worked on; of these 1,024 at most are done before
        their turn.

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
        started = (self._start(work, piece, deadline, place) for piece in pieces)
        line = _Line(started, 2 * self._running)
        try:
            while True:
                busy = line.go_on()
                if not line.ahead:
                    break
                while not (line.is_over or line.ahead[0].is_done or deadline.is_over):
                    wait(busy, deadline.remaining_s, FIRST_COMPLETED)
                    busy = line.go_on()
                yield line.ahead.popleft()
        finally:  # where nobody asks for the rest, it is not begun
            for task in line.ahead:
                task.cancel()
        if line.failure is not None:
            raise line.failure

    def _start(
        self,
        work: Callable[[Piece], Result],
        piece: Piece,
        deadline: Deadline,
        place: Place | None,
    ) -> Task[Result]:
        waited = Wait()

        def run() -> Result:
            waited.end()
            deadline.check()
            return work(piece)

        try:
            future = self._pool.submit(run)
        except RuntimeError as error:
            if not self._is_closed:  # no more threads can be started
                raise
            raise ClosedError("this Moderator is closed and takes no more images") from error
        if place is not None:
            place.hold()
            future.add_done_callback(lambda _: place.let_go())
        return Task(future, deadline, waited)

    def close(self) -> None:
        """Take no more work; what was taken is finished."""
        self._is_closed = True
        self._pool.shutdown(wait=True)
