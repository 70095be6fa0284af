"""Near duplicates by perceptual hash: which pictures go, and which belong together.

Scaling, compressing and small edits leave a PDQ hash nearly as it was; mirrored, turned or
strongly cropped copies are not found.

References
----------
.. [1] PDQ, the perceptual hash of Facebook's ThreatExchange: "The TMK+PDQF Video-Hashing
   Algorithm and the PDQ Image-Hashing Algorithm", 2019.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pdqhash
from numpy.typing import NDArray

from worksafe.evaluation.datasets import Example, read_pixels
from worksafe.images.digest import digest
from worksafe.images.resize import RgbImage

Hashes = NDArray[np.uint64]

_WORDS = 4  # of 64 bits: 256 bits
_MIN_QUALITY = 50  # of 100; below, the hash's authors advise against its use
_BLOCK = 128  # rows compared at once: 20 MB for 20,000 pictures
_SIDE_PX = 288  # enough for the hash, which looks at 64 x 64


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What the comparison of all pictures with all others says.

    Attributes
    ----------
    kept_for : dict of int to int
        By picture that goes: the near one, of the same label, that stays.
    conflicts : tuple of pairs of int
        Pictures that stay and are near each other, but have different labels.
    groups : tuple of str
        Of each picture; near ones share one, through any number of steps.
    """

    kept_for: dict[int, int]
    conflicts: tuple[tuple[int, int], ...]
    groups: tuple[str, ...]


def hash_pixels(pixels: RgbImage) -> Hashes:
    """Hash a picture so that near duplicates differ in few bits.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (h, w, 3)
        RGB, 0 to 255.

    Returns
    -------
    ndarray of uint64, shape (4,)
        The PDQ hash. Of a picture too flat for one, a digest, which is near only to its own.
    """
    bits, quality = pdqhash.compute(np.ascontiguousarray(pixels))
    if quality < _MIN_QUALITY:
        return np.frombuffer(digest(pixels, 8 * _WORDS), dtype=np.uint64)
    return np.packbits(np.asarray(bits, dtype=np.uint8)).view(np.uint64)


def hash_examples(examples: Sequence[Example]) -> Hashes:
    """Hash the pictures of a manifest.

    Parameters
    ----------
    examples : sequence of Example
        Their files are read.

    Returns
    -------
    ndarray of uint64, shape (n, 4)
        In the order of `examples`.

    Raises
    ------
    DatasetError
        If a file cannot be decoded.
    """
    hashes = np.zeros((len(examples), _WORDS), dtype=np.uint64)
    for row, example in zip(hashes, examples, strict=True):
        row[:] = hash_pixels(read_pixels(example, _SIDE_PX))
    return hashes


def near_later(hashes: Hashes, near: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Find, for each picture, those after it that are near.

    Parameters
    ----------
    hashes : ndarray of uint64, shape (n, 4)
        Of `hash_pixels`.
    near : int
        The most bits in which near pictures differ.

    Yields
    ------
    index : int
        Of a picture that has any, in ascending order.
    later : ndarray of int, shape (m,)
        Indices of those after it, ascending.
    """
    for start in range(0, len(hashes), _BLOCK):
        block, rest = hashes[start : start + _BLOCK], hashes[start:]
        distances = np.zeros((len(block), len(rest)), dtype=np.uint16)
        for word in range(_WORDS):
            distances += np.bitwise_count(block[:, word, None] ^ rest[None, :, word])
        is_near = np.triu(distances <= near, k=1)
        for row in np.flatnonzero(is_near.any(axis=1)):
            yield start + int(row), start + np.flatnonzero(is_near[row])


def find_duplicates(
    hashes: Hashes, labels: Sequence[str], groups: Sequence[str], near: int
) -> Duplicates:
    """Decide which pictures go because another shows the same, and merge groups.

    Parameters
    ----------
    hashes : ndarray of uint64, shape (n, 4)
        Of `hash_pixels`, best picture first: of near ones the first stays.
    labels : sequence of str, n
        A picture goes only for one of its own label.
    groups : sequence of str, n
        Each picture's own, as a clip's frames have one.
    near : int
        The most bits in which near pictures differ.

    Returns
    -------
    Duplicates
    """
    names, group_of = np.unique(np.asarray(groups, dtype=object), return_inverse=True)
    label_of = np.unique(np.asarray(labels, dtype=object), return_inverse=True)[1]
    kept_for: dict[int, int] = {}
    pairs: list[tuple[int, int]] = []
    for index, later in near_later(hashes, near):
        merged = group_of[np.append(later, index)]
        if (merged != merged[0]).any():
            group_of[np.isin(group_of, merged)] = merged.min()
        if index in kept_for:
            continue
        is_same = label_of[later] == label_of[index]
        for other in later[is_same].tolist():
            kept_for.setdefault(other, index)
        pairs += [(index, other) for other in later[~is_same].tolist()]
    conflicts = tuple(pair for pair in pairs if pair[1] not in kept_for)
    return Duplicates(kept_for, conflicts, tuple(names[group_of].tolist()))
