"""What was found in an image, kept by the hash of its bytes: the same upload costs nothing again.

Scores are kept, not decisions: a policy that changes decides anew on what is known.
"""

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from pydantic import TypeAdapter

from worksafe.engine.found import Found, refuse_impossible
from worksafe.engine.provenance import provenance
from worksafe.errors import SettingsError
from worksafe.images.limits import ImageLimits
from worksafe.models.spec import Label
from worksafe.results import TAXONOMY, ModelInfo

_MOST_FRAMES = 64  # the scores of a long film's frames are too many to keep
_REDIS_PREFIX = "worksafe:"
_REDIS_TIMEOUT_S = 0.2
_REDIS_SECONDS = 7 * 24 * 3600
_REDIS_PAUSE_S = 5.0

_log = logging.getLogger(__name__)


class ResultCache(Protocol):
    """Keeps what was found."""

    def get(self, key: str) -> Found | None:
        """Give what is kept under a key; None where nothing is."""

    def put(self, key: str, found: Found) -> None:
        """Keep something."""


class MemoryCache:
    """Keeps the latest results in this process.

    Parameters
    ----------
    entries : int
        Results at most, some 3 kB each; those asked for least lately go first. 0 keeps none.
    """

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._kept: OrderedDict[str, Found] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> Found | None:
        """Give what is kept under a key."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: str, found: Found) -> None:
        """Keep something, and let the oldest go."""
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > self._entries:
                self._kept.popitem(last=False)


class RedisCache:
    """Keeps results in Redis, for several servers; without it everything is checked anew.

    Parameters
    ----------
    url : str
        ``redis://`` or ``rediss://``.
    labels : sequence of Label
        What is reported: anything that says less or more is not believed.

    Raises
    ------
    SettingsError
        If Redis's client is not installed.
    """

    def __init__(self, url: str, labels: Sequence[Label]) -> None:
        try:
            import redis  # noqa: PLC0415 - an extra
        except ImportError as error:
            msg = "WORKSAFE_CACHE_URL needs Redis's client: pip install 'worksafe[redis]'"
            raise SettingsError(msg) from error
        self._asked_again_at = 0.0
        self._redis = redis.Redis.from_url(
            url, socket_timeout=_REDIS_TIMEOUT_S, socket_connect_timeout=_REDIS_TIMEOUT_S
        )
        self._adapter = TypeAdapter(Found)
        self._labels = labels

    def get(self, key: str) -> Found | None:
        """Give what is kept under a key; None, too, where Redis does not answer, or nonsense."""
        kept = self._ask(lambda: self._redis.get(_REDIS_PREFIX + key))
        if kept is None:
            return None
        try:
            found = self._adapter.validate_json(kept)
            refuse_impossible(found, self._labels)
        except ValueError:  # pydantic's is one
            _log.warning("the result cache holds something that is no result")
            return None
        return found

    def put(self, key: str, found: Found) -> None:
        """Keep something for a week."""
        content = self._adapter.dump_json(found)
        self._ask(lambda: self._redis.set(_REDIS_PREFIX + key, content, _REDIS_SECONDS))

    def _ask(self, question: Callable[[], Any]) -> Any:  # noqa: ANN401 - as the library has it
        """Ask Redis; after a failure not for some seconds, as looking its name up may take them."""
        if time.monotonic() < self._asked_again_at:
            return None
        try:
            return question()
        except Exception as error:  # noqa: BLE001 - whatever answers there may say anything
            self._asked_again_at = time.monotonic() + _REDIS_PAUSE_S
            _log.warning("the result cache does not answer: %s", type(error).__name__)
            return None


class Recall:
    """Asks a cache about images, for one set of detectors.

    Parameters
    ----------
    cache : ResultCache
        Where results are kept.
    models : sequence of ModelInfo
        What scores, glances too: other versions and other weights have other results.
    limits : ImageLimits
        What is decoded, and how many frames are chosen.
    runtime : str, optional
        What runs the networks: another gives scores that differ a little.
    """

    def __init__(
        self,
        cache: ResultCache,
        models: Sequence[ModelInfo],
        limits: ImageLimits,
        runtime: str = "",
    ) -> None:
        self._cache = cache
        versions = [(model.version, model.sha256) for model in models]
        made_by = repr((provenance(), TAXONOMY, versions, asdict(limits), runtime))
        self._salt = hashlib.sha256(made_by.encode()).digest()

    def key(self, data: bytes, thorough: str) -> str:
        """Make the key of a file's bytes, looked at so thoroughly."""
        content = hashlib.sha256(data).digest()
        return hashlib.sha256(self._salt + thorough.encode() + content).hexdigest()

    def get(self, key: str) -> Found | None:
        """Give what was found in the same bytes before."""
        return self._cache.get(key)

    def put(self, key: str, found: Found) -> None:
        """Keep what was found."""
        if len(found.scores.frames) <= _MOST_FRAMES:
            self._cache.put(key, found)
