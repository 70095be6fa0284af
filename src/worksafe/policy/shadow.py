"""A policy that decides beside the active one, to be counted and never acted on."""

import logging
import threading
from collections import Counter
from collections.abc import Callable

from worksafe.policy.decide import decide
from worksafe.policy.document import Policy
from worksafe.results import Action, ImageScores, Reason

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

    def see(self, active: Policy, action: Action, scored: ImageScores | None) -> None:
        """Decide on an image beside the active policy.

        A difference is logged with both policies and the rules that were reached; nothing in it
        tells the image.

        Parameters
        ----------
        active : Policy
            The one that decided.
        action : Action
            What it decided.
        scored : ImageScores or None
            None where the image could not be checked.
        """
        policy = self.policy
        reasons: tuple[Reason, ...] = ()
        if scored is None:
            would = policy.on_error
        else:
            decision = decide(scored, policy)
            would, reasons = decision.action, decision.reasons
        with self._lock:
            self._counts[action, would] += 1
        if would is not action:
            _log.info(
                "shadow=%s would=%s active=%s did=%s rules=%s",
                policy.name,
                would.value,
                active.name,
                action.value,
                ",".join(reason.rule for reason in reasons) or "-",
            )
