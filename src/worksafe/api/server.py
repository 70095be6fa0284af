"""Serve the web application with gunicorn: one process, many threads."""

import logging
import math
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import ThreadWorker

from worksafe.errors import WorksafeError
from worksafe.images.heap import return_freed_pages, return_large_blocks
from worksafe.moderator import Moderator
from worksafe.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

_MEMORY_DIR = Path("/dev/shm")  # noqa: S108 - for an empty file
_SPARE_THREADS = 16  # to refuse, and to answer load balancers
_IDLE_CONNECTIONS = 1000
_LOG_LINE = "[%(asctime)s] [%(process)d] [%(levelname)s] %(message)s"  # as gunicorn's own
_LOG_TIME = "%Y-%m-%d %H:%M:%S %z"
_IDLE_S = 75  # longer than clients and proxies keep a connection, so that these close it first

_log = logging.getLogger(__name__)


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's worker, which takes no connections when it stops: what comes is refused at once.

    Its own keeps the port open until its last request is answered, and accepts nothing from it.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin to accept connections, or pause; at the end take what has come, and close."""
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for listener in self.sockets:
            before = -1
            while before < self.nr_conns:
                before = self.nr_conns
                self.accept(listener)
            listener.close()


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn, configured by our settings and not by files or arguments of its own.

    Parameters
    ----------
    settings : Settings
        Host, port, threads and everything that the Moderator reads.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Hand our settings to gunicorn."""
        inside = self._settings.running_places + self._settings.waiting
        threads = self._settings.threads or inside + _SPARE_THREADS
        options: dict[str, Any] = {
            "bind": self._settings.address,
            "worker_class": Worker,
            "workers": 1,
            "threads": threads,
            "worker_connections": threads + _IDLE_CONNECTIONS,  # fewer, and none would be kept
            "graceful_timeout": math.ceil(self._settings.graceful_s),
            "keepalive": _IDLE_S,
            "accesslog": "-",
            "proc_name": "worksafe",
            "preload_app": False,  # sessions made before the fork misbehave after it
            "control_socket_disable": True,
            # gunicorn's heartbeat is the age of an empty file: in memory where there is such a
            # folder, since Python's search for a temporary one writes to each that it tries.
            "worker_tmp_dir": str(_MEMORY_DIR) if _MEMORY_DIR.is_dir() else None,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> "Flask":
        """Load the models and the web application; runs in the worker process, after the fork."""
        _log_to_stderr()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # it would hold pictures
        return_large_blocks()
        with ThreadPoolExecutor() as threads:
            loading = threads.submit(self._load_moderator)
            # Beside the models, which leave the interpreter to others: ready 0.3 s earlier.
            from worksafe.api.app import create_app  # noqa: PLC0415

            try:
                moderator = loading.result()
            except WorksafeError as error:
                _log.error("cannot serve: %s", error)
                raise SystemExit(Arbiter.APP_LOAD_ERROR) from error  # which starts no other worker
        app = create_app(moderator)
        models = ", ".join(f"{model.name} {model.version}" for model in moderator.models)
        _log.info(
            "ready: %s, the policy %s; API documentation: http://%s/docs",
            *(models, self._settings.policy, self._settings.address),
        )
        if unknown := Settings.unknown_variables():
            _log.warning("ignored: %s: there are no such settings", ", ".join(unknown))
        if self._settings.cache_url:
            _log.info("cache: %s", moderator.describe_cache())
        return_freed_pages()
        return app

    def _load_moderator(self) -> Moderator:
        moderator = Moderator(self._settings)
        moderator.warm_up()
        return moderator


def _log_to_stderr() -> None:
    """Let worksafe's own messages be seen beside gunicorn's: a library leaves that to its user."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(_LOG_LINE, _LOG_TIME))
    log = logging.getLogger("worksafe")
    log.addHandler(handler)
    log.setLevel(logging.INFO)


def serve(settings: Settings) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    settings : Settings
        How.
    """
    Server(settings).run()
