import threading

import pytest

from worksafe.engine.idle import NONE_IDLE, IdleCores


def test_idle_cores_work_at_once_and_answers_keep_their_order() -> None:
    cores, both = IdleCores(2), threading.Barrier(2, timeout=10)

    def work(piece: int) -> int:
        both.wait()  # passes only if the other piece runs now
        return 10 * piece

    with cores.hold():
        assert cores.map(work, [1, 2]) == [10, 20]
        assert cores.map(work, [3, 4]) == [30, 40]  # what was lent came back
    cores.close()


def test_a_core_that_is_held_is_not_lent() -> None:
    one, here = IdleCores(1), threading.get_ident()

    def where(_: int) -> int:
        return threading.get_ident()

    with one.hold():
        assert set(one.map(where, [1, 2, 3])) == {here}
    assert set(NONE_IDLE.map(where, [1, 2, 3])) == {here}


def test_what_fails_on_a_lent_core_fails_here_and_the_core_comes_back() -> None:
    cores = IdleCores(2)

    def work(piece: int) -> float:
        return 1 / piece

    for _ in range(3):
        with cores.hold(), pytest.raises(ZeroDivisionError):
            cores.map(work, [1, 0])
    cores.close()
    assert cores.map(work, [1, 2]) == [1.0, 0.5]  # closed: one by one
