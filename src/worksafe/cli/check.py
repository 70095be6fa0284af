"""``worksafe check``: a table for people, JSON for programs, an exit status by decision."""

from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from worksafe.api.rendering import render_check
from worksafe.choices import Thorough
from worksafe.cli.explain import write_overlays
from worksafe.cli.shown import printable, shown, table_console
from worksafe.cli.sources import keep_pipe, read_argument, read_named
from worksafe.engine.detector import Look
from worksafe.images.source import printable_path
from worksafe.items import Item
from worksafe.moderator import Moderator
from worksafe.policy.document import Policy
from worksafe.results import Action, Check, Moderation
from worksafe.settings import Settings

_STATUS_BY_ACTION = {Action.ALLOW: 0, Action.REVIEW: 3, Action.BLOCK: 4}
_ERROR_STATUS = 5
_WIDE = 120  # columns of a terminal that has room for sentences beside figures
_STYLE = {Action.ALLOW: "green", Action.REVIEW: "yellow", Action.BLOCK: "bold red"}


def check_images(
    images: Sequence[str],
    policy: str | None,
    *,
    thorough: Thorough | None,
    as_json: bool,
    frames: bool,
    explain: str | None,
) -> None:
    """Check images, print the answer, and exit with the status of the decision.

    Parameters
    ----------
    images : sequence of str
        Paths or URLs; ``-`` is the standard input.
    policy : str or None
        Name of one, or its file, in place of the settings'.
    thorough : {"never", "uncertain", "always"} or None
        In place of the settings'.
    as_json : bool
        Print the document of ``POST /v1/check`` instead of a table.
    frames : bool
        With the scores of each frame.
    explain : str or None
        Folder that gets a picture for each image, which shows why.

    Raises
    ------
    typer.BadParameter
        If frames are asked for in a table, or pictures in a folder that cannot be made.
    typer.Exit
        Always otherwise, with the status.
    """
    if frames and not as_json:
        raise typer.BadParameter("--frames needs --json: a table has no room for them")
    if explain == "":
        raise typer.BadParameter("--explain needs the name of a folder")
    settings = Settings.load(fetch_urls=True)  # whoever typed a URL means it
    sources = [read_argument(image, settings.limits) for image in images]
    if explain is not None:
        _make_folder(Path(explain))
        sources = [keep_pipe(source, settings.limits) for source in sources]
    items = [
        Item(source, printable_path(image)) for source, image in zip(sources, images, strict=True)
    ]
    chosen = read_named(policy)
    with Moderator(settings) as moderator:
        look = moderator.look(thorough, maps=explain is not None)
        done = _check_with_bar(moderator, items, chosen, look)
        _print(done, as_json=as_json, frames=frames)
        if explain is not None:  # the answer is out: nothing that happens to the pictures costs it
            write_overlays(moderator, sources, done, Path(explain))
    raise typer.Exit(exit_status(done.results))


def _make_folder(folder: Path) -> None:
    """Make the folder for pictures before anything is checked."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"cannot write to {folder}: {error.strerror}"
        raise typer.BadParameter(msg) from error


def _check_with_bar(
    moderator: Moderator, items: Sequence[Item], policy: str | Policy | None, look: Look
) -> Check:
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("checking", total=len(items))
        return moderator.check_set(
            items,
            policy,
            look=look,
            on_result=lambda _: progress.advance(task),
            on_frame=lambda name, time_s: progress.update(
                task, description=shown(f"{name}, {_clock(time_s)}") if time_s else "checking"
            ),
        )


def _print(done: Check, *, as_json: bool, frames: bool) -> None:
    if as_json:
        document = render_check(done, ["frames"] if frames else []).model_dump_json(indent=2)
        typer.echo(document.encode())  # JSON is UTF-8, whatever the terminal's encoding
    else:
        _print_table(done)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"


def exit_status(results: Sequence[Moderation]) -> int:
    """Return the exit status for some results: the highest that applies.

    Parameters
    ----------
    results : sequence of Moderation
        Of one run.

    Returns
    -------
    int
        0 all allowed, 3 something to review, 4 something blocked, 5 an image in error.
    """
    statuses = (
        _ERROR_STATUS if result.error else _STATUS_BY_ACTION[result.decision] for result in results
    )
    return max(statuses, default=0)


def _print_table(check: Check) -> None:
    """Print a row for each image, and why beside it; on a narrow terminal below all rows."""
    console = table_console()
    is_narrow = console.width < _WIDE
    categories = next((list(r.scores.categories) for r in check.results if r.scores), [])
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("image", overflow="fold")
    table.add_column("decision", min_width=6, no_wrap=True)  # whole also on a narrow terminal
    table.add_column("suitability", justify="right")
    for category in categories:
        table.add_column(category, justify="right")
    if not is_narrow:
        table.add_column("why", overflow="fold")
    for result in check.results:
        table.add_row(
            _name(result),
            f"[{_STYLE[result.decision]}]{result.decision}[/]",
            "" if result.suitability is None else str(result.suitability),
            *_category_cells(result, categories),
            *([] if is_narrow else [shown(printable(" ".join(_why(result))))]),
        )
    console.print(table)
    for result in check.results if is_narrow else ():
        if why := _why(result):
            console.print(
                f"\n[bold]{_name(result)}[/]",
                *map(shown, map(printable, why)),
                sep="\n",
                highlight=False,
            )


def _category_cells(result: Moderation, categories: Sequence[str]) -> list[str]:
    scores = result.scores.categories if result.scores else {}
    return [f"{scores[name]:.2f}" if name in scores else "" for name in categories]


def _name(result: Moderation) -> str:
    return shown(printable(result.id or str(result.index)))  # a line break would forge a row


def _why(result: Moderation) -> list[str]:
    if result.error:
        return [f"{result.error.code}: {result.error.message}"]
    return [reason.sentence for reason in result.reasons]
