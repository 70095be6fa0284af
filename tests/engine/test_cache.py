import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from fakes import FakeSession, brightness_detector
from pictures import encode, photo, quadrants
from servers import free_port
from worksafe import Moderator, Settings
from worksafe.engine.cache import MemoryCache, Recall, RedisCache
from worksafe.errors import SettingsError
from worksafe.images.limits import ImageLimits
from worksafe.models.spec import Glance
from worksafe.policy.document import Policy
from worksafe.results import Moderation


class Counting(FakeSession):
    """Counts how often a network runs."""

    def __init__(self) -> None:
        super().__init__(self._count)
        self.runs = 0

    def _count(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        self.runs += 1
        mean: NDArray[np.float32] = planes.mean(axis=(2, 3))
        return mean


def counted(**settings: object) -> tuple[Moderator, Counting]:
    session = Counting()
    detector = brightness_detector(session=session)
    return Moderator(Settings(**settings), detectors=[detector]), session  # type: ignore[arg-type]


def said(result: Moderation) -> tuple[object, ...]:
    return result.decision, result.scores, result.frames, result.image, result.reasons


def test_the_same_upload_costs_no_second_look() -> None:
    moderator, session = counted()
    data = encode(quadrants(), "GIF", save_all=True, append_images=[photo().resize((96, 64))])

    first, second = moderator.check(data), moderator.check(bytes(data))

    assert session.runs == 2  # its two frames, once
    assert said(first) == said(second)


def test_other_bytes_are_looked_at() -> None:
    moderator, session = counted()

    for quality in (90, 91):
        moderator.check(encode(photo(), quality=quality))

    assert session.runs == 2


@pytest.mark.parametrize("change", [{"version": "2"}, {"sha256": "1" * 64}])
def test_another_version_or_other_weights_look_anew(change: dict[str, str]) -> None:
    model = brightness_detector().spec.info
    cache, limits = MemoryCache(10), ImageLimits()

    before = Recall(cache, [model], limits).key(b"a picture", "never")
    after = Recall(cache, [replace(model, **change)], limits).key(b"a picture", "never")

    assert before != after


def test_a_glance_with_other_weights_looks_anew() -> None:
    quick = brightness_detector()

    def key(sha256: str) -> str:
        weights = replace(quick.spec.weights, sha256=sha256)
        glance = Glance(replace(quick.spec, weights=weights), settles_below=0.05)
        detector = replace(quick, spec=replace(quick.spec, glance=glance), glance=quick)
        return Moderator(detectors=[detector])._recall.key(b"a picture", "never")

    assert key("0" * 64) != key("1" * 64)


def test_another_policy_decides_anew_on_what_is_known() -> None:
    session = Counting()
    strict = Policy.model_validate({"name": "strict", "rules": {"violence": {"block": 0.01}}})
    moderator = Moderator(
        detectors=[brightness_detector(session=session)],
        policies={"strict": strict, "default": Policy(name="default", rules={})},
    )

    decisions = [moderator.check(encode(photo()), name).decision for name in ("default", "strict")]

    assert decisions == ["allow", "block"]
    assert session.runs == 1


def test_the_results_asked_for_least_lately_go_first() -> None:
    moderator, session = counted(cache_entries=2)
    first, second, third = (encode(photo(), quality=quality) for quality in (80, 85, 90))

    for data in (first, second, first, third, first, second):
        moderator.check(data)

    assert session.runs == 4  # three, and the second again


def test_nothing_is_kept_if_so_wished() -> None:
    moderator, session = counted(cache_entries=0)

    for _ in range(3):
        moderator.check(encode(photo()))

    assert session.runs == 3


def test_errors_are_not_kept() -> None:
    moderator, _ = counted()

    assert [moderator.check(b"GIF89a").status for _ in range(2)] == ["error", "error"]


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    """A Redis of our own, that keeps nothing on disk."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server on this machine")
    port = free_port()
    server = subprocess.Popen(
        [program, "--port", str(port), "--save", "", "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
    )
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait()


def test_a_redis_without_its_client_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)

    with pytest.raises(SettingsError, match="redis"):
        counted(cache_url="redis://localhost")


def test_several_servers_share_a_redis(redis_url: str) -> None:
    first, one = counted(cache_url=redis_url)
    second, other = counted(cache_url=redis_url)
    data = encode(quadrants(), "GIF", save_all=True, append_images=[photo().resize((96, 64))])

    results = [moderator.check(data) for moderator in (first, second)]

    assert (one.runs, other.runs) == (2, 0)
    assert said(results[0]) == said(results[1])


def test_what_is_no_result_in_redis_is_not_believed(redis_url: str) -> None:
    moderator, session = counted(cache_url=redis_url)
    data = encode(photo("cat"))
    cache = moderator._recall._cache
    assert isinstance(cache, RedisCache)
    cache._redis.set("worksafe:" + moderator._recall.key(data, "never"), b'{"scores": 1}')

    assert moderator.check(data).status == "ok"
    assert session.runs == 1


def test_a_redis_that_does_not_answer_is_left_alone_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("redis")
    moderator, _ = counted(cache_url=f"redis://127.0.0.1:{free_port()}/0")
    cache = moderator._recall._cache
    assert isinstance(cache, RedisCache)
    asked: list[str] = []

    def refuse(key: str, *_: object) -> None:
        asked.append(key)
        raise ConnectionError

    monkeypatch.setattr(cache._redis, "get", refuse)
    monkeypatch.setattr(cache._redis, "set", refuse)
    for quality in (80, 90):
        moderator.check(encode(photo(), quality=quality))
    assert len(asked) == 1
    monkeypatch.setattr("worksafe.engine.cache.time.monotonic", lambda: time.time() + 3600)
    moderator.check(encode(photo(), quality=95))
    assert len(asked) == 2


def test_a_redis_that_does_not_answer_costs_no_image() -> None:
    moderator, session = counted(cache_url=f"redis://127.0.0.1:{free_port()}/0")

    assert [moderator.check(encode(photo())).status for _ in range(2)] == ["ok", "ok"]
    assert session.runs == 2
