"""Send the corpus to a running service, and compare its answers with the right ones."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from worksafe.doctor.corpus import Case, all_cases

PATIENCE_S = 30.0
_SLOW_S = 10.0


@dataclass(frozen=True, slots=True)
class Answered:
    """What a service said to one case.

    Attributes
    ----------
    case : Case
        What was sent.
    answer : str
        ``ok``, the code of the item's error, or a status and a code.
    seconds : float
        Until the answer was there.
    """

    case: Case
    answer: str
    seconds: float

    @property
    def is_right(self) -> bool:
        """One of the expected answers, and in time."""
        return self.answer in self.case.answers and self.seconds <= _SLOW_S


def is_there(url: str) -> bool:
    """Return whether anything answers at a service's address."""
    try:
        httpx.get(f"{url.rstrip('/')}/healthz", timeout=PATIENCE_S, trust_env=False)
    except httpx.HTTPError:
        return False
    return True


def attack(url: str) -> Iterator[Answered]:
    """Send every case of the corpus, one after another.

    Parameters
    ----------
    url : str
        Of the service, without a path.

    Yields
    ------
    Answered
    """
    with httpx.Client(timeout=PATIENCE_S, trust_env=False) as client:
        for case in all_cases():
            sent = case.make()
            began = time.monotonic()
            try:
                response = client.post(
                    f"{url.rstrip('/')}/v1/check{sent.query}",
                    content=sent.body,
                    # A connection that is kept may be closed while the next case is made.
                    headers={"Content-Type": sent.content_type, "Connection": "close"},
                )
            except httpx.HTTPError as error:
                answer = f"no answer: {type(error).__name__}"
            else:
                answer = read_answer(response)
            yield Answered(case, answer, time.monotonic() - began)


def read_answer(response: httpx.Response) -> str:
    """Put an answer in short: ``ok``, an item's code, or a status and a code."""
    try:
        document = response.json()
        if response.status_code != httpx.codes.OK:
            return f"{response.status_code} {document['code']}"
        error = document["results"][0]["error"]
        return "ok" if error is None else str(error["code"])
    except (ValueError, LookupError, TypeError):
        return f"{response.status_code} without a document"
