"""A policy that decides beside the active one, to be counted and never acted on."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable

from worksafe.policy.document import Policy
from worksafe.policy.stored import stored
from worksafe.results import Action, Moderation, PolicyInfo, Reason

_log = logging.getLogger(__name__)

# Images by what was decided and what the shadow would have decided.
Counts = Counter[tuple[Action, Action]]


class Shadow:
    """Compares what a second policy would decide with what was decided.

    Parameters
    ----------
    policy : callable
        Gives the shadow policy as it is now.
    """

    def __init__(self, policy: Callable[[], Policy]) -> None:
        self._policy = policy
        # Of the shadow's version and the active policy's: a changed file is another policy.
        self._counts: dict[tuple[PolicyInfo, PolicyInfo], Counts] = {}
        self._lock = threading.Lock()

    @property
    def policy(self) -> Policy:
        """The shadow policy as it is now."""
        return self._policy()

    def by_policy(self, shadow: PolicyInfo) -> dict[PolicyInfo, Counts]:
        """Count images for each version of an active policy.

        Parameters
        ----------
        shadow : PolicyInfo
            The version of the shadow that is counted.

        Returns
        -------
        dict of PolicyInfo to Counter
            How many of each pair: what was decided, and what the shadow would have decided.
        """
        with self._lock:
            return {
                active: counts.copy()
                for (would, active), counts in self._counts.items()
                if would == shadow
            }

    def see(self, active: Policy, result: Moderation, check: str) -> None:
        """Decide on an image beside the active policy.

        A difference is logged with both policies, the rules that were reached, and the place of
        the image in the caller's answer; nothing in it tells what the image is called or shows.
        What goes wrong here is logged, and no concern of the answer's.

        Parameters
        ----------
        active : Policy
            The one that decided.
        result : Moderation
            What is answered.
        check : str
            Id of the answer.
        """
        try:
            self._see(active, result, check)
        except Exception:  # noqa: BLE001 - it never acts, so it must not fail a request either
            _log.exception("check=%s index=%d: the shadow could not decide", check, result.index)

    def _see(self, active: Policy, result: Moderation, check: str) -> None:
        policy = self.policy
        would, reasons = stored(result).decide(policy)
        pair = policy.info, active.info
        with self._lock:
            counts = self._counts.setdefault(pair, Counter())
            counts[result.decision, would] += 1
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
