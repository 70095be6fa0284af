import threading

import pytest

from worksafe.engine.idle import IdlePlaces


def test_idle_places_work_at_once_and_answers_keep_their_order() -> None:
    places, both = IdlePlaces(2), threading.Barrier(2, timeout=10)

    def work(piece: int) -> int:
        both.wait()  # passes only if the other piece runs now
        return 10 * piece

    with places.hold():
        assert places.map(work, [1, 2]) == [10, 20]
        assert places.map(work, [3, 4]) == [30, 40]  # what was lent came back
    places.close()


def test_a_place_that_is_held_is_not_lent() -> None:
    one, here = IdlePlaces(1), threading.get_ident()

    def where(_: int) -> int:
        return threading.get_ident()

    with one.hold():
        assert set(one.map(where, [1, 2, 3])) == {here}


def test_no_pieces_are_no_work() -> None:
    assert IdlePlaces(1).map(str, []) == []


def test_what_fails_at_a_lent_place_fails_here_and_the_place_comes_back() -> None:
    places = IdlePlaces(2)

    def work(piece: int) -> float:
        return 1 / piece

    for _ in range(3):
        with places.hold(), pytest.raises(ZeroDivisionError):
            places.map(work, [1, 0])
    places.close()
    assert places.map(work, [1, 2]) == [1.0, 0.5]  # closed: one by one


def test_a_place_comes_back_also_after_closing() -> None:
    one = IdlePlaces(1)
    one.close()

    for _ in range(2):
        assert one.map(str, [1, 2]) == ["1", "2"]
    with one.hold():
        pass
