"""Results kept in Redis, for several servers; whatever it does, images are checked all the same."""

import logging
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from worksafe.engine.found import Found
from worksafe.engine.plausibility import refuse_impossible
from worksafe.errors import SettingsError
from worksafe.models.spec import Label
from worksafe.wording import how_to_install

if TYPE_CHECKING:
    from redis import Redis

_PREFIX = "worksafe:"
_QUESTION_S = 0.2  # then the image is scored: that takes no longer than waiting
_QUESTIONS_AT_ONCE = 8
_KEPT_S = 7 * 24 * 3600
_PAUSE_S = 5.0  # without questions, once the server did not answer
_MOST_SAID = 200  # characters, in a line of the log

Kind = Literal["read", "write"]

_log = logging.getLogger(__name__)


def open_redis(url: str) -> "Redis":
    """Make a client of Redis, which connects with the first question.

    Parameters
    ----------
    url : str
        ``redis://`` or ``rediss://``.

    Returns
    -------
    redis.Redis

    Raises
    ------
    SettingsError
        If Redis's client is not installed, or takes no such URL.
    """
    try:
        import redis  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = f"WORKSAFE_CACHE_URL needs Redis's client: {how_to_install('redis')}"
        raise SettingsError(msg) from error
    _refuse_odd(url)
    try:
        client = redis.Redis.from_url(
            url, socket_timeout=_QUESTION_S, socket_connect_timeout=_QUESTION_S
        )
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # what it does not know it says only now
    except (ValueError, TypeError, redis.RedisError) as error:
        msg = f"an option of WORKSAFE_CACHE_URL is unknown or malformed: {_words(error)}"
        raise SettingsError(msg) from error
    return client


def _refuse_odd(url: str) -> None:
    """Say what the client would pass over, or quote: a password may stand where a port should."""
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:
        has_port = False
    if not has_port:
        msg = (
            "the host or port of WORKSAFE_CACHE_URL is malformed: it goes like "
            "redis://:password@host:6379/0, and in a password / ? and # are written %2F %3F and %23"
        )
        raise SettingsError(msg)
    if not re.fullmatch(r"/?\d*", parts.path, re.ASCII):
        raise SettingsError(
            "the database of WORKSAFE_CACHE_URL is not a number, as in redis://host/0"
        )


class RedisCache:
    """Keeps results in Redis; without it everything is checked anew.

    Parameters
    ----------
    url : str
        ``redis://`` or ``rediss://``.
    labels : sequence of Label
        What is reported: anything that says less or more is not believed.

    Raises
    ------
    SettingsError
        If Redis's client is not installed, or takes no such URL.
    """

    def __init__(self, url: str, labels: Sequence[Label]) -> None:
        self._redis = open_redis(url)
        self._adapter = TypeAdapter(Found)
        self._labels = labels
        self._asked_again_at: dict[Kind, float] = {"read": 0.0, "write": 0.0}
        self._askers = ThreadPoolExecutor(_QUESTIONS_AT_ONCE, "redis")

    @property
    def is_on(self) -> bool:
        """Whether it keeps anything at all."""
        return True

    def get(self, key: str) -> Found | None:
        """Return what is kept under a key; None, too, where Redis does not answer, or nonsense."""
        kept = self._ask("read", lambda: self._redis.get(_PREFIX + key))
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
        self._ask("write", lambda: self._redis.set(_PREFIX + key, content, _KEPT_S))

    def describe(self) -> str:
        """Try it, and say what comes of that."""
        try:
            self._in_time(lambda: self._redis.set(f"{_PREFIX}doctor", b"", 1))
        except Exception as error:  # noqa: BLE001 - as below
            return f"Redis, which does not keep anything: {self._said(error)}"
        return "Redis, which answers"

    def close(self) -> None:
        """End connections, and what waits for an answer."""
        self._askers.shutdown(wait=False, cancel_futures=True)
        self._redis.close()
        self._redis.connection_pool.disconnect()

    def _ask(self, kind: Kind, question: Callable[[], Any]) -> Any:  # noqa: ANN401 - as it is there
        """Ask Redis; after a failure not for some seconds."""
        if time.monotonic() < self._asked_again_at[kind]:
            return None
        try:
            return self._in_time(question)
        except Exception as error:  # noqa: BLE001 - whatever answers there may say anything
            self._pause(kind, error)
            return None

    def _in_time(self, question: Callable[[], Any]) -> Any:  # noqa: ANN401 - the same
        """Ask Redis, and wait no longer than there is time for the whole answer.

        The client has a limit for each piece of an answer and none for looking a name up.
        """
        answer = self._askers.submit(question)
        try:
            return answer.result(_QUESTION_S)
        except TimeoutError:
            answer.cancel()
            self._redis.connection_pool.disconnect()  # which ends waiting for the next piece
            raise

    def _pause(self, kind: Kind, error: Exception) -> None:
        """Leave Redis alone: where it refused, only with what it did."""
        from redis import ResponseError  # noqa: PLC0415 - an extra

        now = time.monotonic()
        is_known = now < self._asked_again_at[kind]  # by a question of the same time
        is_refusal = isinstance(error, ResponseError)
        for paused in (kind,) if is_refusal else self._asked_again_at:
            self._asked_again_at[paused] = now + _PAUSE_S
        if not is_known:
            does = f"refuses to {kind}" if is_refusal else "does not answer"
            _log.warning("the result cache %s: %s", does, self._said(error))

    def _said(self, error: Exception) -> str:
        """Return Redis's own words, without the password, should they hold it."""
        password = self._redis.connection_pool.connection_kwargs.get("password")
        said = _words(error) or f"nothing whole within {_QUESTION_S} s"
        return said.replace(password, "…") if password else said


def _words(error: Exception) -> str:
    """Make one short line of what somebody else has said."""
    return "".join(one if one.isprintable() else " " for one in str(error))[:_MOST_SAID]
