"""Hostile and odd inputs, each with the answers that are right: made here, nothing is downloaded.

After the lists of Pillow's threat model, imgproxy, sharp, and what users of other services saw.
"""

from collections.abc import Callable
from dataclasses import dataclass

from worksafe.doctor.corpus_files import FILES
from worksafe.doctor.corpus_moving import MOVING
from worksafe.doctor.corpus_pictures import PICTURES
from worksafe.doctor.corpus_requests import REQUESTS, Sent
from worksafe.doctor.corpus_two_ways import TWO_WAYS

OCTETS = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Case:
    """One input.

    Attributes
    ----------
    name : str
        What is odd about it.
    group : str
        Heading of the table.
    make : callable
        Makes the request to send.
    answers : tuple of str
        Those that are right: ``ok``, the code of an item in error, or a status and a code of the
        request.
    """

    name: str
    group: str
    make: Callable[[], Sent]
    answers: tuple[str, ...]


def all_cases() -> list[Case]:
    """List the corpus.

    Returns
    -------
    list of Case
        Nothing of it is made yet.
    """
    groups = {
        "Files that are no picture, or not a whole one": FILES,
        "Pictures": PICTURES,
        "Pictures that viewers read in two ways": TWO_WAYS,
        "What moves": MOVING,
    }
    files = [
        Case(name, group, _body_of(make), tuple(answers.split(" or ")))
        for group, some in groups.items()
        for name, (make, answers) in some.items()
    ]
    requests = [
        Case(name, "Requests", make, tuple(answers.split(" or ")))
        for name, (make, answers) in REQUESTS.items()
    ]
    return files + requests


def _body_of(make: Callable[[], bytes]) -> Callable[[], Sent]:
    return lambda: Sent(make(), OCTETS)
