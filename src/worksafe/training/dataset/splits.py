"""Which pictures train, choose and test: by group, by source, and never both sides of one scene."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from worksafe.errors import DatasetError
from worksafe.evaluation.datasets import Example
from worksafe.training.dataset.duplicates import Hashes, near_later


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How pictures are split.

    Attributes
    ----------
    test_sources : tuple of str
        Go to test, and with them every group that has a picture of theirs.
    val_share, test_share : float
        Of the other groups, about.
    """

    test_sources: tuple[str, ...] = ()
    val_share: float = 0.1
    test_share: float = 0.1

    def check(self, sources: Collection[str]) -> None:
        """Refuse a plan that cannot be followed.

        Parameters
        ----------
        sources : collection of str
            Those that there are.

        Raises
        ------
        DatasetError
            If a test source is not among them, or the shares leave nothing to train on.
        """
        if not (min(self.val_share, self.test_share) >= 0 and self.val_share + self.test_share < 1):
            msg = (
                f"shares of {self.val_share:g} for val and {self.test_share:g} for test "
                "leave none for train"
            )
            raise DatasetError(msg)
        if unknown := set(self.test_sources) - set(sources):
            msg = (
                f"no source is called {', '.join(sorted(unknown))}; "
                f"there are {', '.join(sorted(set(sources)))}"
            )
            raise DatasetError(msg)


def assign_splits(groups: Sequence[str], sources: Sequence[str], plan: SplitPlan) -> list[str]:
    """Return each picture a split, by its group's name alone: other groups change nothing.

    Parameters
    ----------
    groups, sources : sequence of str
        Of each picture.
    plan : SplitPlan
        How.

    Returns
    -------
    list of str
        ``train``, ``val`` or ``test`` for each picture.
    """
    tested = {
        group for group, source in zip(groups, sources, strict=True) if source in plan.test_sources
    }
    return ["test" if group in tested else _split(group, plan) for group in groups]


def _split(group: str, plan: SplitPlan) -> str:
    # A hash places the group between 0 and 1, the same on every machine.
    place = int.from_bytes(hashlib.blake2b(group.encode(), digest_size=8).digest()) / 2**64
    if place < plan.test_share:
        return "test"
    return "val" if place < plan.test_share + plan.val_share else "train"


def check_leakage(examples: Sequence[Example], hashes: Hashes, near: int) -> None:
    """Refuse splits that have the same picture, or nearly, on both sides.

    Parameters
    ----------
    examples : sequence of Example
        Any manifest's.
    hashes : ndarray of uint64, shape (n, 4)
        Of those pictures, as `hash_examples` gives them.
    near : int
        The most bits in which near pictures differ.

    Raises
    ------
    DatasetError
        If two near pictures are in different splits.
    """
    for index, later in near_later(hashes, near):
        first = examples[index]
        for second in (examples[other] for other in later):
            if first.split != second.split:
                msg = (
                    f"{first.path} in {first.split} and {second.path} in {second.split} "
                    "are near duplicates; they belong in one split"
                )
                raise DatasetError(msg)
