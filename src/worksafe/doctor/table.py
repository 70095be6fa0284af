"""What a service answers to the corpus, as a table for people."""

from collections.abc import Sequence
from itertools import groupby

from worksafe.doctor.attack import Answered


def format_table(answered: Sequence[Answered]) -> str:
    """Write a table for each group of cases.

    Parameters
    ----------
    answered : sequence of Answered
        In the order of the corpus.

    Returns
    -------
    str
        Markdown.
    """
    lines: list[str] = []
    for group, some in groupby(answered, key=lambda one: one.case.group):
        lines += [f"### {group}", "", "| input | answer |", "| --- | --- |"]
        lines += [f"| {one.case.name} | {_shown(one.case.answers)} |" for one in some]
        lines.append("")
    return "\n".join(lines)


def _shown(answers: Sequence[str]) -> str:
    return " or ".join("scored" if answer == "ok" else f"`{answer}`" for answer in answers)
