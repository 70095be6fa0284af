"""Marks in a file: some bytes, wherever they stand."""

from collections.abc import Iterator


def places_of(mark: bytes, data: bytes) -> Iterator[int]:
    """Find a mark wherever it stands: what is in a picture by chance is longer to come by.

    Parameters
    ----------
    mark, data : bytes
        What to look for, and in what.

    Yields
    ------
    int
        Where it begins.
    """
    at = data.find(mark)
    while at >= 0:
        yield at
        at = data.find(mark, at + 1)
