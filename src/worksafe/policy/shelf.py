"""The policies there are, read again when their folder changes."""

import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from worksafe.errors import PolicyError, UnknownPolicyError
from worksafe.policy.document import Policy
from worksafe.policy.reading import choose_policy, policy_files, read_folder, read_policies

_LOOK_EVERY_S = 1.0
_LONG_LOOK_S = 5.0  # a look at a folder that does not answer has not ended by then
_SETTLED_NS = 10**9  # what was written less than this ago may not be whole yet

_log = logging.getLogger(__name__)

# Of the folder and each file its name, when its content and anything of it changed, which one it
# is, its size. The folder changes with every file that comes or goes.
Signature = frozenset[tuple[str, int, int, int, int]]


class PolicyShelf:
    """Keeps policies, and follows changes of an operator's folder without a restart.

    The folder is looked at when a policy is asked for, once a second at most, by every process for
    itself. A change counts when it is a second old, since half of a file may be a policy, too, and
    a laxer one. It counts as a whole or not at all: where a file is malformed, or a policy is gone
    that is needed or that a shipped one would stand in for, the policies stay as they were and the
    log says why.

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
        The folder has changed, and could not be followed.

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
        self._folder = folder if given is None else None
        self._others = read_policies() if given is None else given
        self._needed = needed
        self._lock = threading.Lock()
        self._signature = self._sign()
        self._own: Mapping[str, Policy] = {}
        self._own = self._read()
        self._policies = {**self._others, **self._own}
        for name in needed:
            try:
                choose_policy(self._policies, name)
            except UnknownPolicyError as error:
                msg = f"{error} (the settings policy and shadow_policy name those that are needed)"
                raise UnknownPolicyError(msg) from None
        self._looked = time.monotonic()
        self._complaint = ""
        self.is_stale = False

    @property
    def policies(self) -> Mapping[str, Policy]:
        """All of them, by name."""
        passed_s = time.monotonic() - self._looked
        if self._folder and passed_s >= _LOOK_EVERY_S:
            if self._lock.acquire(blocking=False):
                try:
                    self._follow()
                finally:
                    self._looked = time.monotonic()
                    self._lock.release()
            elif passed_s >= _LOOK_EVERY_S + _LONG_LOOK_S:
                self._stay(PolicyError(f"the folder {self._folder} does not let itself be read"))
        return self._policies

    def _follow(self) -> None:
        try:
            signature = self._sign()
            if signature == self._signature:
                self._is_followed()
                return
            if not _is_settled(signature - self._signature):
                return
            own = self._read()
            if self._sign() != signature:
                return  # what was read may be half from before and half from after
        except Exception as error:  # noqa: BLE001 - a front door: whatever a file in it raises
            self._stay(error)
        else:
            self._signature, self._own = signature, own
            self._policies = {**self._others, **own}
            self._is_followed()
            _log.info("policies were read again: %s", ", ".join(sorted(self._policies)))

    def _is_followed(self) -> None:
        self.is_stale, self._complaint = False, ""

    def _stay(self, why: Exception) -> None:
        """Keep what there is; the next look tries again, since it may have been a passing error."""
        if str(why) != self._complaint:
            fault = None if isinstance(why, PolicyError) else why
            _log.error("policies stay as they were: %s", why, exc_info=fault)
        self.is_stale, self._complaint = True, str(why)

    def _read(self) -> Mapping[str, Policy]:
        """Read the folder; refuse it where one is gone that a laxer one may stand in for."""
        own = read_folder(self._folder) if self._folder else {}
        for name in sorted(self._own.keys() - own.keys()):
            if name in self._needed or name in self._others:
                msg = f"the policy {name!r} is gone from {self._folder}"
                raise PolicyError(msg)
        return own

    def _sign(self) -> Signature:
        """Tell the folder and its files apart from any others."""
        if self._folder is None:
            return frozenset()
        try:
            paths = [self._folder, *policy_files(self._folder)]
            stats = [(str(path), path.stat()) for path in paths]
        except OSError as error:
            msg = f"the policy folder {self._folder} cannot be read: {error}"
            raise PolicyError(msg) from error
        return frozenset(
            (name, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_size)
            for name, stat in stats
        )


def _is_settled(changed: Signature) -> bool:
    """Return whether all of it was written a while ago, or by a clock that is ahead of ours."""
    now_ns = time.time_ns()
    return not any(0 <= now_ns - written_ns < _SETTLED_NS for _, written_ns, *_ in changed)
