"""The policies there are, read again when their folder changes."""

import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from worksafe.errors import PolicyError, UnknownPolicyError
from worksafe.policy.document import Policy, choose_policy, policy_files, read_policies

_LOOK_EVERY_S = 1.0
_SETTLED_NS = 10**9  # a file that was written less than this ago may not be whole yet

_log = logging.getLogger(__name__)

# Of each file its name, when its content and anything of it changed, which file it is, its size.
Signature = tuple[tuple[str, int, int, int, int], ...]


class PolicyShelf:
    """Keeps policies, and follows changes of an operator's folder without a restart.

    The folder is looked at when a policy is asked for, once a second at most, by every process for
    itself. A change counts when it is a second old, since half of a file may be a policy, too, and
    a laxer one. It counts as a whole or not at all: where a file is malformed, or one that is
    needed is gone, the policies stay as they were and the log says why.

    Parameters
    ----------
    folder : Path or None
        Of an operator's own policies.
    needed : sequence of str
        Names that must exist.
    given : mapping of str to Policy, optional
        In place of all that is read; it stays as it is.

    Attributes
    ----------
    is_stale : bool
        The folder has changed, and could not be read.

    Raises
    ------
    PolicyError
        If a file is malformed, or the folder does not exist.
    UnknownPolicyError
        If one that is needed does not exist.
    """

    def __init__(
        self,
        folder: Path | None,
        needed: tuple[str, ...],
        given: Mapping[str, Policy] | None = None,
    ) -> None:
        self._folder = None if given else folder
        self._given = given
        self._needed = needed
        self._lock = threading.Lock()
        self._signature = self._sign()
        self._policies = self._read()
        self._looked = time.monotonic()
        self.is_stale = False

    @property
    def policies(self) -> Mapping[str, Policy]:
        """All of them, by name."""
        is_due = time.monotonic() - self._looked >= _LOOK_EVERY_S
        if self._folder and is_due and self._lock.acquire(blocking=False):
            try:
                self._follow()
            finally:
                self._looked = time.monotonic()
                self._lock.release()
        return self._policies

    def _follow(self) -> None:
        signature = self._sign()
        if signature == self._signature or not _is_settled(signature):
            return
        self._signature = signature
        try:
            self._policies = self._read()
        except (PolicyError, UnknownPolicyError) as error:
            self.is_stale = True
            _log.error("policies stay as they were: %s", error)
        else:
            self.is_stale = False
            _log.info("policies were read again: %s", ", ".join(sorted(self._policies)))

    def _read(self) -> Mapping[str, Policy]:
        policies = self._given or read_policies(self._folder)
        for name in self._needed:
            choose_policy(policies, name)
        return policies

    def _sign(self) -> Signature:
        """Tell the folder's files apart from any others; nothing where it cannot be read."""
        if self._folder is None:
            return ()
        try:
            stats = [(path.name, path.stat()) for path in policy_files(self._folder)]
        except (OSError, PolicyError):
            return ()
        return tuple(
            (name, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_size)
            for name, stat in stats
        )


def _is_settled(signature: Signature) -> bool:
    """Tell whether all files were written a while ago, or by a clock that is ahead of ours."""
    newest_ns = max((written_ns for _, written_ns, *_ in signature), default=0)
    return not 0 <= time.time_ns() - newest_ns < _SETTLED_NS
