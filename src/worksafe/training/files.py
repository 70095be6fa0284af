"""Files that are there as a whole or not at all, whenever a run is ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def write_whole(path: Path) -> Iterator[Path]:
    """Write a file under another name, and give it its own once all of it is there.

    Parameters
    ----------
    path : Path
        The file; what stands there stays where the new one cannot be finished.

    Yields
    ------
    Path
        Where to write.
    """
    unfinished = path.with_name(f"{path.name}.part")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
