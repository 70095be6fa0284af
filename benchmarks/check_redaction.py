"""Redact every labelled picture that the default policy does not allow, and check the result.

Usage: python benchmarks/check_redaction.py DATA [SPLIT]

DATA is a folder of labelled pictures with a manifest.csv, SPLIT is val where it is not given. The
moderator that checks the result looks closer than the one that made it: at twice the size for
nudity, and never at a glance.
"""

import sys
from collections import Counter
from pathlib import Path

from rich.progress import track

from worksafe.errors import InputError
from worksafe.evaluation.datasets import NEUTRAL, read_manifest
from worksafe.moderator import Moderator
from worksafe.results import Action
from worksafe.settings import Settings


def main(folder: Path, split: str = "val") -> None:
    """Print how many passed, and how much of them was covered."""
    moderator = Moderator(Settings(cache_entries=0, thorough="never"))
    judge = Moderator(Settings(cache_entries=0, thorough="always"))
    examples = [
        one for one in read_manifest(folder) if one.split == split and one.category != NEUTRAL
    ]
    outcomes: Counter[str] = Counter()
    shares = []
    for example in track(examples, "redacting"):
        try:
            done = moderator.redact(example.path)
        except InputError as error:
            outcomes[error.code] += 1
            continue
        if done.before.action is Action.ALLOW:
            outcomes["was allowed"] += 1
            continue
        passes = judge.check(done.data).decision is Action.ALLOW
        outcomes["passes" if passes else "DOES NOT PASS"] += 1
        shares.append(min(1.0, max(area.share for area in done.areas)))
    print(dict(outcomes))
    whole = sum(share == 1.0 for share in shares)
    print(f"covered: {sum(shares) / len(shares):.0%} in the mean; {whole} of {len(shares)} wholly")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
