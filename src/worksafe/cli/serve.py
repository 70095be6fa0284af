"""``worksafe serve``."""

import socket
from typing import Any

from worksafe.api.server import serve
from worksafe.engine.redis_cache import open_redis
from worksafe.engine.runtime import choose_runtime, look_at_machine
from worksafe.errors import SettingsError
from worksafe.policy.shelf import PolicyShelf
from worksafe.settings import Settings

_FAILED = 2  # as of whatever else cannot be done


def serve_http(host: str | None, port: int | None) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    host, port : str or None, int or None
        In place of the environment's.

    Raises
    ------
    SettingsError
        If a setting is wrong, or nobody can listen at that host and port.
    PolicyError, UnknownPolicyError
        If a policy file is malformed, or the chosen policy does not exist.
    """
    given: dict[str, Any] = {"host": host, "port": port}
    settings = Settings.load(**{name: value for name, value in given.items() if value is not None})
    # Said here in one line, and not by a worker process that fails to start.
    PolicyShelf(settings.policy_dir, settings.needed_policies)
    if settings.cache_url:
        open_redis(settings.cache_url)
    if settings.runtime != "auto" or settings.device != "auto":
        choose_runtime(settings.runtime, settings.device, look_at_machine())
    _refuse_taken(settings)
    try:
        serve(settings)
    except SystemExit as end:  # gunicorn's own numbers are those of decisions here
        if end.code:
            raise SystemExit(_FAILED) from end
        raise


def _refuse_taken(settings: Settings) -> None:
    """Try the port: the server would try five times, a second each, before it gave up."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        msg = f"cannot listen on {settings.host}, port {settings.port}: {error.strerror or error}"
        raise SettingsError(msg) from error
