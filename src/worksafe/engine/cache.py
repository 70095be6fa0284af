"""What was found in an image, kept by the hash of its bytes: the same upload costs nothing again.

Scores are kept, not decisions: a policy that changes decides anew on what is known.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict
from typing import Protocol

from worksafe.engine.detector import Detector
from worksafe.engine.found import Found
from worksafe.engine.provenance import provenance
from worksafe.images.limits import ImageLimits
from worksafe.results import TAXONOMY

_REGIONS = 8  # that take as much memory as the scores of a frame
_MOST_FRAMES = 64  # the scores of a long film's frames are too many to keep


class ResultCache(Protocol):
    """Keeps what was found."""

    @property
    def is_on(self) -> bool:
        """Whether it keeps anything at all."""

    def get(self, key: str) -> Found | None:
        """Return what is kept under a key; None where nothing is."""

    def put(self, key: str, found: Found) -> None:
        """Keep something."""

    def describe(self) -> str:
        """Say what it is, for people."""

    def close(self) -> None:
        """Drop what it holds; it keeps nothing more."""


class MemoryCache:
    """Keeps the latest results in this process.

    Parameters
    ----------
    entries : int
        Results of still pictures at most, some 4 kB each; what moves counts as often as it has
        frames, and eight regions as another. Those asked for least lately go first. 0 keeps none.
    """

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._taken = 0
        self._kept: OrderedDict[str, Found] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def is_on(self) -> bool:
        """Whether it keeps anything at all."""
        return self._entries > 0

    def get(self, key: str) -> Found | None:
        """Return what is kept under a key."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            kept = self._kept.get(key)
        return deepcopy(kept)  # what callers do to their results is not kept

    def put(self, key: str, found: Found) -> None:
        """Keep something, and let the oldest go."""
        weight = _weight(found)
        if weight > self._entries:  # all others would go, and it would, too
            return
        own = deepcopy(found)
        with self._lock:
            if key in self._kept:
                self._taken -= _weight(self._kept.pop(key))
            self._kept[key] = own
            self._taken += weight
            while self._taken > self._entries:
                _, oldest = self._kept.popitem(last=False)
                self._taken -= _weight(oldest)

    def describe(self) -> str:
        """Say how much it keeps."""
        return f"in memory, {self._entries} results at most" if self._entries else "off"

    def close(self) -> None:
        """Drop what it holds."""
        with self._lock:
            self._entries = self._taken = 0
            self._kept.clear()


def _weight(found: Found) -> int:
    """Return how many entries something takes: its memory, by that of a still picture."""
    return sum(1 + len(frame.scores.regions) // _REGIONS for frame in found.scored.frames)


class Recall:
    """Asks a cache about images, for one set of detectors.

    Parameters
    ----------
    cache : ResultCache
        Where results are kept.
    detectors : sequence of Detector
        What scores: other versions, weights, contracts and runtimes have other results.
    limits : ImageLimits
        What is decoded, and how many frames are chosen.
    """

    def __init__(
        self, cache: ResultCache, detectors: Sequence[Detector], limits: ImageLimits
    ) -> None:
        self._cache = cache
        scored_by = [
            (look.version, look.weights.sha256, look.contract_sha256, detector.runtime.key)
            for detector in detectors
            for look in detector.spec.looks
        ]
        made_by = repr((provenance(), TAXONOMY, scored_by, asdict(limits)))
        self._salt = hashlib.sha256(made_by.encode()).digest()

    @property
    def is_on(self) -> bool:
        """Whether anything is kept; else keys are made for nothing, a millisecond for 1.5 MB."""
        return self._cache.is_on

    def key(self, data: bytes, thorough: str) -> str:
        """Make the key of a file's bytes, looked at so thoroughly."""
        content = hashlib.sha256(data).digest()
        return hashlib.sha256(self._salt + thorough.encode() + content).hexdigest()

    def describe(self) -> str:
        """Say where results are kept, for people."""
        return self._cache.describe()

    def close(self) -> None:
        """Close what keeps results."""
        self._cache.close()

    def get(self, key: str) -> Found | None:
        """Return what was found in the same bytes before."""
        return self._cache.get(key)

    def put(self, key: str, found: Found) -> None:
        """Keep what was found."""
        if len(found.scored.frames) <= _MOST_FRAMES:
            self._cache.put(key, found)
