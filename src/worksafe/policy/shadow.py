"""A policy that decides beside the active one, to be counted and never acted on."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable

from worksafe.policy.document import Policy
from worksafe.policy.stored import stored
from worksafe.results import Action, Moderation, Reason

_log = logging.getLogger(__name__)


class Shadow:
    """Compares what a second policy would decide with what was decided.

    Parameters
    ----------
    policy : callable
        Gives the shadow policy as it is now.
    """

    def __init__(self, policy: Callable[[], Policy]) -> None:
        self._policy = policy
        self._counts: Counter[tuple[Action, Action]] = Counter()
        self._lock = threading.Lock()

    @property
    def policy(self) -> Policy:
        """The shadow policy as it is now."""
        return self._policy()

    @property
    def counts(self) -> dict[tuple[Action, Action], int]:
        """Images by what was decided and what the shadow would have decided."""
        with self._lock:
            return dict(self._counts)

    def see(self, active: Policy, result: Moderation, check: str) -> None:
        """Decide on an image beside the active policy.

        A difference is logged with both policies, the rules that were reached, and the place of
        the image in the caller's answer; nothing in it tells what the image is called or shows.

        Parameters
        ----------
        active : Policy
            The one that decided.
        result : Moderation
            What is answered.
        check : str
            Id of the answer.
        """
        policy = self.policy
        would, reasons = stored(result).decide(policy)
        with self._lock:
            self._counts[result.decision, would] += 1
        if would is not result.decision:
            _log.info(
                "check=%s index=%d active=%s did=%s did_for=%s shadow=%s would=%s would_for=%s",
                check,
                result.index,
                active.name,
                result.decision,
                _rules(result.reasons),
                policy.name,
                would,
                _rules(reasons),
            )


def _rules(reasons: Iterable[Reason]) -> str:
    return ",".join(reason.rule for reason in reasons) or "-"
