"""Runs a fuzz target for a while, from seeds; a finding is kept as a regression case."""

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import atheris

FINDINGS = Path(__file__).parents[1] / "hostile" / "crashes"


def run(one_input: Callable[[bytes], None], seeds: Sequence[bytes], seconds: int) -> None:
    """Fuzz, and end the process: 0 where nothing was found.

    Parameters
    ----------
    one_input : callable
        Takes bytes; an exception is a finding.
    seeds : sequence of bytes
        To begin from.
    seconds : int
        How long.
    """
    with tempfile.TemporaryDirectory() as folder:
        for index, seed in enumerate(seeds):
            Path(folder, str(index)).write_bytes(seed)
        arguments = [
            sys.argv[0],
            folder,
            f"-max_total_time={seconds}",
            f"-artifact_prefix={FINDINGS}/",
            "-timeout=20",
            "-rss_limit_mb=2048",
            "-max_len=65536",
            "-print_final_stats=1",
        ]
        atheris.Setup(arguments, one_input)
        atheris.Fuzz()
