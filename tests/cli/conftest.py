"""A picture to name on the command line."""

from pathlib import Path

import pytest

from pictures import encode, photo


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(photo()))
    return path
