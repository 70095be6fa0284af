"""``worksafe policy``: show, validate, test and compare policies."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from worksafe.cli.shown import print_markdown, printable, table_console
from worksafe.cli.sources import find_policy
from worksafe.engine.scoring import SECOND_LOOK
from worksafe.errors import PolicyError, StoredResultsError
from worksafe.evaluation.datasets import NEUTRAL, read_split
from worksafe.evaluation.markdown import table_lines
from worksafe.evaluation.scoring import measuring_settings
from worksafe.models.registry import DETECTORS, LABELS
from worksafe.moderator import Moderator
from worksafe.policy.document import Policy
from worksafe.policy.reading import policy_files, read_policies, read_policy, refuse_second
from worksafe.policy.stored import Stored, read_results, stored
from worksafe.results import UNSEEN, Action
from worksafe.settings import Settings

_CHANGED_STATUS = 1
_WRONG_STATUS = 2
_NOT_TOLD = (
    "results left out, since they do not hold what decides on them: {}. Videos without frames "
    "(include=frames), what moves and was stored without `unseen`, or answers without a category "
    "or label that there is today"
)


def show(names: Sequence[str]) -> None:
    """Print all policies, or some in full, with thresholds resolved to scores."""
    console = table_console()
    if not names:
        table = Table("policy", "version", "description", box=None, pad_edge=False)
        for name, policy in sorted(read_policies(Settings.load().policy_dir).items()):
            table.add_row(name, policy.version[:19], escape(policy.description))
        console.print(table)
    for name in names:
        policy = find_policy(name)
        console.print(f"[bold]{policy.name}[/] {policy.version}", highlight=False)
        console.print(escape(policy.description))
        table = Table("rule", "review", "block", box=None, pad_edge=False)
        for rule_name, rule in policy.rules.items():
            table.add_row(rule_name, *(_number(value) for value in (rule.review, rule.block)))
        console.print(table)
        console.print(
            f"on error: {policy.on_error.value}; of a video {policy.video.agree} frames within "
            f"{policy.video.within_s:g} s must agree, or one score {policy.video.alone:g}",
            highlight=False,
        )
        weights = ", ".join(f"{label} {policy.weight_of(label):g}" for label in LABELS)
        console.print(f"weights: {weights}", highlight=False)


def validate(paths: Sequence[Path]) -> None:
    """Print the mistake of each file, or that there is none; folders are gone through.

    Raises
    ------
    PolicyError
        If there is no file, or a folder cannot be read.
    typer.Exit
        With status 2 if there is a mistake.
    """
    mistakes = sum(_validate_all(policy_files(path) if path.is_dir() else [path]) for path in paths)
    if mistakes:
        raise typer.Exit(_WRONG_STATUS)


def _validate_all(files: Sequence[Path]) -> int:
    """Print what is said of files that are used together, and count the mistakes."""
    if not files:
        raise PolicyError("there is no policy file (.yaml or .yml) in the folder")
    mistakes, names = 0, set[str]()
    for file in files:
        try:
            policy = read_policy(file)
            refuse_second(file, policy, names)
        except PolicyError as error:
            mistakes += 1
            typer.echo(str(error))
        else:
            names.add(policy.name)
            typer.echo(f"{file}: {policy.name} {policy.version}")
            for warning in _low_thresholds(policy):
                typer.echo(f"{file}: {warning}")
    return mistakes


def _low_thresholds(policy: Policy) -> list[str]:
    """Say of rules that mind very little what they are not told as they may expect."""
    settled = {
        name: spec.glance.settles_below
        for spec in DETECTORS
        if spec.glance
        for name in (*spec.categories, *(label.name for label in spec.labels))
    }
    warnings = []
    for name, rule in policy.rules.items():
        lowest = min(one for one in (rule.review, rule.block, 1.0) if one is not None)
        if lowest < settled.get(name, 0.0):
            doubt = (
                "scores as low are mostly a glance's; with thorough=always all are a full look's"
            )
        elif name != UNSEEN and lowest < SECOND_LOOK:
            doubt = (
                "of a film, what scores as low may be missed where it is shown for under a second"
            )
        else:
            continue
        warnings.append(f"{name} from {lowest:g}: {doubt}")
    return warnings


def test(names: Sequence[str], on: Path | None, data: Path | None, split: str) -> None:
    """Print what policies decide: on stored results, or on labelled pictures by their kind."""
    policies = [find_policy(name) for name in names]
    if (on is None) == (data is None):
        raise typer.BadParameter("give either --on RESULTS or --data FOLDER")
    groups = _by_kind(data, split) if data else {"all": read_results(on) if on else []}
    told = {name: _complete(some) for name, some in groups.items()}
    if on and not told["all"]:
        raise _nothing_told(on, groups["all"])
    rows = [
        [group, str(len(some)), *(_decided(some, policy) for policy in policies)]
        for group, some in told.items()
    ]
    heads = [f"{policy.name}: allowed / reviewed / blocked" for policy in policies]
    print_markdown(table_lines(["pictures", "count", *heads], rows))
    if not_told := sum(len(groups[name]) - len(told[name]) for name in groups):
        typer.echo(_NOT_TOLD.format(not_told), err=True)


@dataclass(frozen=True, slots=True)
class _Change:
    image: Stored
    was: Action
    becomes: Action
    why: str


def diff(first: str, second: str, on: Path, *, as_json: bool) -> None:
    """Print which past decisions would change from one policy to another.

    Raises
    ------
    StoredResultsError
        If there are no results that both can decide on.
    typer.Exit
        With status 1 if any would.
    """
    policies = find_policy(first), find_policy(second)
    results = read_results(on)
    told = _complete(results)
    not_told = len(results) - len(told)
    if not told:
        raise _nothing_told(on, results)
    counts: Counter[tuple[Action, Action]] = Counter()
    changes = []
    for one in told:
        (was, before), (becomes, after) = (one.decide(policy) for policy in policies)
        counts[was, becomes] += 1
        if was is not becomes:
            reasons = after if becomes.severity > was.severity else before
            why = "; ".join(f"{r.rule} {r.score:.4f} >= {r.threshold:g}" for r in reasons[:1])
            changes.append(_Change(one, was, becomes, why or "on_error"))
    if as_json:
        typer.echo(_as_json(policies, counts, changes, not_told))
    else:
        _print_diff(policies, counts, changes, not_told)
    raise typer.Exit(_CHANGED_STATUS if changes else 0)


def _complete(results: Iterable[Stored]) -> list[Stored]:
    return [one for one in results if one.is_complete]


def _nothing_told(on: Path, results: Sequence[Stored]) -> StoredResultsError:
    why = _NOT_TOLD.format(len(results)) if results else "it holds no results"
    return StoredResultsError(f"{on} has nothing to decide on: {why}")


def _by_kind(data: Path, split: str) -> dict[str, list[Stored]]:
    examples = read_split(data, split)
    groups: dict[str, list[Stored]] = {}
    with Moderator(measuring_settings()) as moderator:
        results = moderator.check_many(example.path for example in examples)
        shown = track(results, "scoring", total=len(examples), console=Console(stderr=True))
        for example, result in zip(examples, shown, strict=True):
            kind = example.kind or "other"
            name = f"ordinary: {kind}" if example.category == NEUTRAL else example.label
            total = "ordinary, all" if example.category == NEUTRAL else f"{example.category}, all"
            for group in (total, name):
                groups.setdefault(group, []).append(stored(result))
    return dict(sorted(groups.items()))


def _decided(some: Iterable[Stored], policy: Policy) -> str:
    counts = Counter(one.decide(policy)[0] for one in some)
    return " / ".join(str(counts[action]) for action in Action)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _as_json(
    policies: tuple[Policy, Policy],
    counts: Counter[tuple[Action, Action]],
    changes: Iterable[_Change],
    not_told: int,
) -> str:
    document = {
        "policies": [{"name": one.name, "version": one.version} for one in policies],
        "counts": [
            {"was": was, "becomes": becomes, "images": images}
            for (was, becomes), images in sorted(counts.items())
        ],
        "changes": [
            {
                "check": one.image.check,
                "index": one.image.index,
                "id": one.image.id,
                "was": one.was,
                "becomes": one.becomes,
                "why": one.why,
            }
            for one in changes
        ],
        "not_told": not_told,
    }
    return json.dumps(document, indent=2)


def _print_diff(
    policies: tuple[Policy, Policy],
    counts: Counter[tuple[Action, Action]],
    changes: Sequence[_Change],
    not_told: int,
) -> None:
    console = Console(soft_wrap=True)
    first, second = (policy.name for policy in policies)
    table = Table("", *(f"{second}: {action}" for action in Action), box=None)
    for was in Action:
        table.add_row(f"{first}: {was}", *(str(counts[was, becomes]) for becomes in Action))
    console.print(table)
    for one in changes:
        line = f"{_place(one.image)}: {one.was} -> {one.becomes} ({one.why})"
        console.print(escape(line), highlight=False)
    if not_told:
        typer.echo(_NOT_TOLD.format(not_told), err=True)


def _place(image: Stored) -> str:
    """Name an image by its answer, its place there, and as the caller does."""
    return f"{image.check}[{image.index}] {printable(image.id or '')}".strip()
