"""``worksafe serve``."""

from typing import Any

from worksafe.api.server import serve
from worksafe.settings import Settings


def serve_http(host: str | None, port: int | None) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    host, port : str or None, int or None
        In place of the environment's.
    """
    given: dict[str, Any] = {"host": host, "port": port}
    serve(Settings(**{name: value for name, value in given.items() if value is not None}))
