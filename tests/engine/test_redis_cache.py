import json
import math
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pytest

from fakes import counted, said
from films import film
from pictures import encode, photo, quadrants, with_thumbnail
from servers import free_port
from worksafe import Moderator, Settings
from worksafe.engine.redis_cache import RedisCache
from worksafe.errors import SettingsError


@contextmanager
def redis_with(*arguments: str) -> Iterator[str]:
    """A Redis of our own, that keeps nothing on disk."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server on this machine")
    port = free_port()
    server = subprocess.Popen(
        [program, "--port", str(port), "--save", "", "--bind", "127.0.0.1", *arguments],
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        else:
            pytest.fail("redis-server does not start")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for answers as long as a busy machine may take."""
    monkeypatch.setattr("worksafe.engine.redis_cache._QUESTION_S", 10)


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_with() as url:
        yield url


@contextmanager
def dripping() -> Iterator[str]:
    """Something that answers every question with a byte now and then, for ever."""

    def drip(client: socket.socket) -> None:
        with client, suppress(OSError):
            client.recv(4096)
            client.sendall(b"$100000\r\n")
            while True:
                client.sendall(b"x")
                time.sleep(0.05)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=drip, args=listener.accept()[:1], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"


def cache_of(moderator: Moderator) -> RedisCache:
    cache = moderator._recall._cache
    assert isinstance(cache, RedisCache)
    return cache


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
    cache = cache_of(moderator)
    cache._redis.set("worksafe:" + moderator._recall.key(data, "never"), b'{"scores": 1}')

    assert moderator.check(data).status == "ok"
    assert session.runs == 1


def test_all_that_is_kept_is_believed(redis_url: str) -> None:
    files = [
        encode(photo(), quality=70),
        encode(photo().resize((70, 50)), "PNG"),
        encode(quadrants(), "GIF", save_all=True, append_images=[photo().resize((96, 64))]),
        film(60, lambda index: np.full((48, 64, 3), 4 * index, dtype=np.uint8)),
        with_thumbnail(photo(), encode(photo("cat").resize((160, 120)))),
    ]
    moderator = Moderator(Settings(cache_url=redis_url))

    for data in files:
        fresh = moderator.check(data)
        kept = moderator._recall.get(moderator._recall.key(data, "never"))

        assert kept is not None
        assert (kept.scored.scores, kept.scored.frames) == (fresh.scores, fresh.frames)
        assert kept.image == fresh.image


POISONS: dict[str, Callable[[dict[str, Any]], object]] = {
    "no categories": lambda found: found["scored"]["scores"].update(categories={}),
    "no scores": lambda found: every(found, lambda one: one.update(categories={}, labels={})),
    "one label less": lambda found: every(found, lambda one: one["labels"].clear()),
    "a foreign label": lambda found: every(found, lambda one: one["labels"].update({"a.b": 0.9})),
    "a foreign category": lambda found: every(found, lambda one: one["categories"].update(a=0.9)),
    "above 1": lambda found: every(found, lambda one: set_all(one, 7.5)),
    "below 0": lambda found: every(found, lambda one: set_all(one, -3)),
    "no number": lambda found: every(found, lambda one: set_all(one, math.nan)),
    "endless": lambda found: every(found, lambda one: set_all(one, math.inf)),
    "less than its frame": lambda found: set_all(found["scored"]["scores"], 0.0),
    "no frames": lambda found: found["scored"].update(frames=[]),
    "no such frame": lambda found: found["scored"]["frames"][0].update(frame=9),
    "two of one frame": lambda found: found["scored"]["frames"].extend(found["scored"]["frames"]),
    "at no time": lambda found: found["scored"]["frames"][0].update(time_s=math.nan),
    "another winner": lambda found: found["scored"].update(frame_of={"violence.blood": 99}),
    "a video without length": lambda found: found["scored"].update(is_video=True),
    "a picture with length": lambda found: found["image"].update(duration_s=2.0),
    "an unknown format": lambda found: found["image"].update(format="zzz"),
    "no width": lambda found: found["image"].update(width=0),
    "other frames": lambda found: found["image"].update(frames_checked=2),
    "unseen": lambda found: found["image"].update(unseen=0.5),
    "a foreign region": lambda found: every(found, lambda one: one["regions"][0].update(label="a")),
    "a region far away": lambda found: every(
        found, lambda one: one["regions"][0].update(box=[1e9, 0, 0, 0])
    ),
}


def every(found: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> None:
    """Change the scores of the image and of its frames alike."""
    for scores in (
        found["scored"]["scores"],
        *(one["scores"] for one in found["scored"]["frames"]),
    ):
        change(scores)


def set_all(scores: dict[str, Any], value: float) -> None:
    scores.update(categories={"violence": value}, labels={"violence.blood": value})


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS.keys())
def test_what_no_look_can_have_found_is_not_believed(
    redis_url: str, poison: Callable[[dict[str, Any]], object]
) -> None:
    moderator, session = counted(cache_url=redis_url)
    data = encode(photo("coffee"))
    fresh = moderator.check(data)
    runs = session.runs
    cache = cache_of(moderator)
    key = "worksafe:" + moderator._recall.key(data, "never")
    good = cache._redis.get(key)
    assert isinstance(good, bytes)
    found = json.loads(good)
    poison(found)
    cache._redis.set(key, json.dumps(found))

    assert said(moderator.check(data)) == said(fresh)
    assert session.runs == runs + 1
    assert cache._redis.get(key) == good
    cache._redis.delete(key)


def test_a_redis_that_does_not_answer_is_left_alone_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("redis")
    moderator, _ = counted(cache_url=f"redis://127.0.0.1:{free_port()}/0")
    cache = cache_of(moderator)
    asked: list[str] = []

    def refuse(key: str, *_: object) -> None:
        asked.append(key)
        raise ConnectionError

    monkeypatch.setattr(cache._redis, "get", refuse)
    monkeypatch.setattr(cache._redis, "set", refuse)
    for quality in (80, 90):
        moderator.check(encode(photo(), quality=quality))
    assert len(asked) == 1
    monkeypatch.setattr("worksafe.engine.redis_cache.time.monotonic", lambda: time.time() + 3600)
    moderator.check(encode(photo(), quality=95))
    assert len(asked) == 2


def test_a_redis_that_does_not_answer_costs_no_image() -> None:
    moderator, session = counted(cache_url=f"redis://127.0.0.1:{free_port()}/0")

    assert [moderator.check(encode(photo())).status for _ in range(2)] == ["ok", "ok"]
    assert session.runs == 2


def test_an_answer_that_drips_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with dripping() as url:
        moderator, _ = counted(cache_url=url)

        results = [moderator.check(encode(photo(), quality=quality)) for quality in (80, 90)]

        assert [result.status for result in results] == ["ok", "ok"]
        assert not any(one._sock for one in connections_of(moderator))  # nobody waits on it


def test_its_connections_end_with_the_moderator(redis_url: str) -> None:
    moderator, _ = counted(cache_url=redis_url)
    moderator.check(encode(photo("cat"), quality=71))
    before = [one._sock is not None for one in connections_of(moderator)]

    moderator.close()

    assert any(before)
    assert not any(one._sock for one in connections_of(moderator))


def connections_of(moderator: Moderator) -> list[Any]:
    pool: Any = cache_of(moderator)._redis.connection_pool
    return [*pool._available_connections, *pool._in_use_connections]


@pytest.mark.parametrize("refusal", ["full", "read only", "wrong type"])
def test_a_redis_that_refuses_one_thing_is_asked_for_the_other(
    refusal: str, caplog: pytest.LogCaptureFixture
) -> None:
    with redis_with() as url:
        moderator, session = counted(cache_url=url)
        redis = cache_of(moderator)._redis
        known, new = encode(photo(), quality=80), encode(photo(), quality=90)
        moderator.check(known)
        if refusal == "full":
            redis.config_set("maxmemory", 1)
        elif refusal == "read only":
            redis.execute_command("REPLICAOF", "127.0.0.1", "1")  # type: ignore[no-untyped-call]
        else:
            key = "worksafe:" + moderator._recall.key(new, "never")
            redis.lpush(key, "x")

        moderator.check(new)
        moderator.check(known)

        if refusal == "wrong type":
            assert redis.type(key) == b"string"  # written over
            assert "refuses to read: WRONGTYPE Operation against a key" in caplog.text
        else:
            assert session.runs == 2  # the known one is not looked at again
            assert len(caplog.messages) == 1
            assert caplog.messages[0].startswith("the result cache refuses to write: ")


@pytest.mark.parametrize(
    "url",
    [
        "redis://host:abc",
        "redis://host:0",
        "redis://host:99999",
        "redis://:se/cret@host",
        "redis://:se?cret@host",
        "redis://[::1",
        "redis://host/abc",
        "redis://host/-1",
        "redis://host/0/1",
        "redis://host?socket_timeout=abc",
        "redis://host?foo=1",
        "redis://host?protocol=7",
        "rediss://host?ssl_cert_reqs=se",
    ],
)
def test_a_malformed_url_is_a_wrong_setting(url: str) -> None:
    pytest.importorskip("redis")

    with pytest.raises(SettingsError, match="WORKSAFE_CACHE_URL") as raised:
        counted(cache_url=url)

    assert "cret" not in str(raised.value)
    assert ":se" not in str(raised.value)


def test_the_log_has_the_words_of_redis_and_not_the_password(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with redis_with("--requirepass", "right") as url:
        moderator, _ = counted(cache_url=url.replace("//", "//:wrong@"))

        moderator.check(encode(photo()))

        (said,) = caplog.messages
        assert "does not answer: invalid username-password pair" in said
        assert "wrong" not in said


def test_what_redis_says_is_one_short_line_without_the_password() -> None:
    pytest.importorskip("redis")
    moderator, _ = counted(cache_url="redis://:wr%20ong@127.0.0.1")

    said = cache_of(moderator)._said(ValueError("no\x1b[2J\n'wr ong' here" + 300 * "!"))

    assert said.startswith("no [2J '…' here!!")
    assert len(said) <= 200


def test_it_says_whether_it_works(redis_url: str) -> None:
    nobody = f"redis://:secret@127.0.0.1:{free_port()}"
    with redis_with("--maxmemory", "1") as full:
        said = [
            counted(**settings)[0].describe_cache()
            for settings in (
                {"cache_url": redis_url},
                {"cache_url": nobody},
                {"cache_url": full},
                {"cache_entries": 20},
                {"cache_entries": 0},
            )
        ]

    assert said[0] == "Redis, which answers"
    assert said[1].startswith("Redis, which does not keep anything: ")
    assert "Connection refused" in said[1]
    assert "maxmemory" in said[2]
    assert said[3:] == ["in memory, 20 results at most", "off"]


def test_nothing_is_kept_anywhere_if_so_wished(redis_url: str) -> None:
    moderator, session = counted(cache_url=redis_url, cache_entries=0)

    for _ in range(2):
        moderator.check(encode(photo("cat"), quality=55))

    assert session.runs == 2
    assert moderator.describe_cache() == "off"
