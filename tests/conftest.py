import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from worksafe.api.app import create_app
from worksafe.moderator import Moderator
from worksafe.settings import Settings


@pytest.fixture(scope="session")
def moderator() -> Iterator[Moderator]:
    """The real thing: both detectors, the shipped policy, settings as installed.

    But for the cache: tests share pictures, and each is to see them looked at.
    """
    made = Moderator(Settings(cache_entries=0))
    made.warm_up()
    yield made
    made.close()


@pytest.fixture(scope="session")
def client(moderator: Moderator) -> FlaskClient:
    return create_app(moderator).test_client()


@pytest.fixture(scope="session")
def labelled_pictures() -> Path:
    """A folder of labelled pictures with a manifest, where there is one."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("WORKSAFE_DATA") or beside)
    if not (folder / "manifest.csv").is_file():
        pytest.skip("no labelled pictures: set WORKSAFE_DATA to a folder with a manifest.csv")
    return folder
