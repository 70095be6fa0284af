import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from worksafe.engine.admission import Admission
from worksafe.errors import ClosedError, DeadlineExceededError, OverloadedError
from worksafe.images.deadline import Deadline

FOREVER = Deadline(None)


@pytest.fixture
def admission() -> Iterator[Admission]:
    made = Admission(running=2, waiting=1)
    yield made
    made.close()


def test_results_come_in_order_whatever_takes_longest(admission: Admission) -> None:
    def work(item: int) -> int:
        time.sleep(0.02 if item % 3 == 0 else 0)
        return item * item

    results = [task.result() for task in admission.map(work, range(20), FOREVER)]

    assert results == [item * item for item in range(20)]


def test_no_more_runs_at_once_than_allowed(admission: Admission) -> None:
    running, most, lock = 0, 0, threading.Lock()
    both = threading.Barrier(2, timeout=30)

    def work(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait()  # passes only if another runs now
        with lock:
            running -= 1

    for task in admission.map(work, range(30), FOREVER):
        task.result()

    assert most == 2


def test_an_endless_source_is_read_no_faster_than_the_work_goes(admission: Admission) -> None:
    read = 0

    def endless() -> Iterator[int]:
        nonlocal read
        while True:
            read += 1
            yield read

    tasks = admission.map(lambda item: item, endless(), FOREVER)
    for _ in range(5):
        next(tasks).result()

    assert read <= 5 + 2 * 2


def test_refuses_at_once_when_full_and_takes_again_when_a_place_is_free(
    admission: Admission,
) -> None:
    with admission.admit(), admission.admit():
        with admission.admit(), pytest.raises(OverloadedError), admission.admit():
            pass
        with admission.admit():
            pass


def test_work_that_is_late_is_an_error_and_the_rest_is_not_waited_for(
    admission: Admission,
) -> None:
    release = threading.Event()

    def work(item: int) -> int:
        if item == 1:
            release.wait(30)
        return item

    outcomes: list[int | str] = []
    for task in admission.map(work, range(4), Deadline(1)):
        try:
            outcomes.append(task.result())
        except DeadlineExceededError as error:
            outcomes.append(error.code)
    release.set()

    assert outcomes[:2] == [0, "deadline_exceeded"]


def test_work_that_never_began_has_waited_all_the_time(admission: Admission) -> None:
    release = threading.Event()
    tasks = admission.map(lambda _: release.wait(30), range(4), Deadline(1))

    waited = []
    for task in tasks:
        with pytest.raises(DeadlineExceededError):
            task.result()
        waited.append(task.waited_s)
    release.set()

    assert max(waited[:2]) < 0.9  # two threads
    assert min(waited[2:]) >= 0.95


def test_a_deadline_that_has_passed_starts_nothing(admission: Admission) -> None:
    started: list[int] = []

    (task,) = admission.map(started.append, [1], Deadline(0))

    with pytest.raises(DeadlineExceededError):
        task.result()
    admission.close()  # what was begun has ended
    assert started == []


def test_what_nobody_asks_for_any_more_is_not_begun(admission: Admission) -> None:
    started: list[int] = []
    release = threading.Event()

    def work(number: int) -> None:
        started.append(number)
        if number:
            release.wait(30)

    tasks = admission.map(work, range(100), FOREVER)
    next(tasks).result()
    tasks.close()
    release.set()
    admission.close()

    assert len(started) <= 3  # the first, and one on each thread


def test_a_place_is_kept_until_late_work_has_ended(admission: Admission) -> None:
    release = threading.Event()
    for _ in range(3):
        with admission.admit() as place:
            (task,) = admission.map(lambda _: release.wait(30), [1], Deadline(0.5), place)
            with pytest.raises(DeadlineExceededError):
                task.result()

    # The third piece was never begun, and took its place with it when it was cancelled.
    with admission.admit(), pytest.raises(OverloadedError), admission.admit():
        pass
    release.set()
    for _ in range(1000):
        time.sleep(0.01)
        try:
            with admission.admit(), admission.admit(), admission.admit():
                return
        except OverloadedError:
            continue
    pytest.fail("the places were not given back")


def test_a_source_that_fails_costs_nothing_that_it_gave_before(admission: Admission) -> None:
    def failing() -> Iterator[int]:
        yield from range(5)
        raise KeyError("gone")

    tasks = admission.map(lambda item: item, failing(), FOREVER)

    results = [next(tasks).result() for _ in range(5)]

    with pytest.raises(KeyError, match="gone"):
        next(tasks)
    assert results == [0, 1, 2, 3, 4]


def test_a_slow_piece_keeps_none_behind_it_from_being_worked_on(admission: Admission) -> None:
    all_others = threading.Event()
    done: list[int] = []

    def work(item: int) -> int:
        if item == 0:
            assert all_others.wait(30)
        else:
            done.append(item)
            if len(done) == 50:
                all_others.set()
        return item

    results = [task.result() for task in admission.map(work, range(51), FOREVER)]

    assert results == list(range(51))


def test_what_is_done_before_its_turn_is_bounded(admission: Admission) -> None:
    read: list[int] = []
    most_read = []

    def pieces() -> Iterator[int]:
        for item in range(3_000):
            read.append(item)
            yield item

    def work(item: int) -> int:
        if item == 0:
            until = time.monotonic() + 30
            while len(read) < 1_024 and time.monotonic() < until:
                time.sleep(0.01)
            time.sleep(0.1)
            most_read.append(len(read))
        return item

    results = [task.result() for task in admission.map(work, pieces(), FOREVER)]

    assert most_read == [1_024]
    assert results == list(range(3_000))


def test_a_slow_piece_costs_the_others_no_deadline(admission: Admission) -> None:
    is_over = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            is_over.wait(30)
        return item

    found: list[object] = []
    for task in admission.map(work, range(40), Deadline(0.5)):
        try:
            found.append(task.result())
        except DeadlineExceededError as error:
            found.append(error.code)
    is_over.set()

    assert found == ["deadline_exceeded", *range(1, 40)]


def test_work_after_closing_is_an_error_of_ours() -> None:
    made = Admission(running=1, waiting=0)
    made.close()

    with pytest.raises(ClosedError):
        list(made.map(lambda item: item, [1], FOREVER))


def test_too_few_threads_are_not_taken_for_the_end(
    admission: Admission, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)

    with pytest.raises(RuntimeError, match="can't start new thread"):
        list(admission.map(lambda item: item, [1], FOREVER))


def test_a_timeout_of_the_work_is_not_taken_for_the_deadline(admission: Admission) -> None:
    def fail(_: int) -> None:
        raise TimeoutError("of a socket")

    (task,) = admission.map(fail, [1], FOREVER)
    with pytest.raises(TimeoutError, match="of a socket"):
        task.result()


def test_asking_whether_there_is_room_takes_none_from_others() -> None:
    made = Admission(running=1, waiting=0)
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            with suppress(OverloadedError):
                made.refuse_when_full()

    asking = threading.Thread(target=ask)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    asking.start()
    try:
        for _ in range(5_000):  # OverloadedError in one of eight, where asking takes a place
            with made.admit():
                pass
    finally:
        sys.setswitchinterval(before)
        is_over.set()
        asking.join()
        made.close()
