"""Until when somebody waits: what is not begun by then is not begun."""

import time

from worksafe.errors import DeadlineExceededError


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

    @property
    def is_over(self) -> bool:
        """Whether no time is left."""
        return self.remaining_s == 0

    def cut(self, seconds: float) -> float:
        """Shorten a time that something may take to what is left."""
        remaining_s = self.remaining_s
        return seconds if remaining_s is None else min(seconds, remaining_s)

    def give_up(self) -> None:
        """Let it be over at once: nobody waits any more."""
        self._at = 0.0

    def check(self) -> None:
        """Raise DeadlineExceededError when no time is left."""
        if self.is_over:
            raise self.exceeded()

    @staticmethod
    def exceeded() -> DeadlineExceededError:
        """Make the error of what is not done in time."""
        return DeadlineExceededError("the time allowed for the request ran out")


NO_DEADLINE = Deadline(None)
