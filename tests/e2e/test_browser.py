"""The API's page in a real browser: its scripts load and it lists what the server can do."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from worksafe.api.app import create_app
from worksafe.moderator import Moderator

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture
def url(moderator: Moderator) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_app(moderator), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.mark.skipif(CHROMIUM is None, reason="no browser: install chromium")
def test_the_page_shows_every_endpoint(url: str, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    run = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={tmp_path}",
            "--virtual-time-budget=15000",
            "--dump-dom",
            f"{url}/docs",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    for path in ("/v1/check", "/preds", "/v1/models", "/v1/taxonomy", "/readyz"):
        assert f'data-path="{path}"' in run.stdout, run.stderr[-2000:]
