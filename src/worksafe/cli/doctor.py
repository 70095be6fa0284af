"""``worksafe doctor``: what an installation runs on, and what it does with hostile input."""

import ipaddress
import platform
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from worksafe import __version__
from worksafe.cli.shown import table_console
from worksafe.doctor.attack import Answered, attack, is_there
from worksafe.doctor.corpus import all_cases
from worksafe.engine.cores import count_cores
from worksafe.engine.runtime import PORTABLE, describe_processor
from worksafe.images.formats import FORMATS
from worksafe.images.open import has_video
from worksafe.moderator import Moderator
from worksafe.settings import Settings


def describe() -> None:
    """Print what is installed and used; loading the models is part of it."""
    with Moderator(Settings.load()) as moderator:
        formats = [known.name for known in FORMATS if has_video() or not known.is_video]
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_row("worksafe", __version__)
        table.add_row("Python", platform.python_version())
        table.add_row("processor", f"{count_cores()} cores, with {describe_processor()}")
        for model in moderator.models:
            table.add_row("model", f"{model.name} {model.version}, {model.license}")
        runtime = moderator.runtime
        on = f"{runtime.name} on {runtime.device}, {runtime.precision}"
        table.add_row("runtime", f"{on}: {runtime.why}")
        if runtime.name != PORTABLE.name:
            table.add_row(
                "", f"networks in int8 by {PORTABLE.name}, so that it changes no decision"
            )
        table.add_row("formats", ", ".join(formats))
        folder = moderator.settings.policy_dir
        own = f", with those of {folder}" if folder else ""
        table.add_row("policies", escape(", ".join(sorted(moderator.policies)) + own))
        shadow = moderator.settings.shadow_policy
        beside = f", beside it {shadow}" if shadow else ""
        table.add_row("decides", moderator.settings.policy + beside)
        table.add_row("URLs", "fetched" if moderator.settings.fetch_urls else "not fetched")
        table.add_row("cache", escape(moderator.describe_cache()))
        if unknown := Settings.unknown_variables():
            table.add_row("ignored", escape(f"{', '.join(unknown)}: there are no such settings"))
    table_console().print(table)


def attack_service(url: str, host: str | None) -> None:
    """Send the hostile corpus to a service, and print what was answered wrongly.

    Parameters
    ----------
    url : str
        Of the service.
    host : str or None
        Its name once more, where it is not on this machine: nobody attacks another by a slip.

    Raises
    ------
    typer.BadParameter
        If the service is elsewhere and was not named, nothing answers, or the URL is none.
    typer.Exit
        With status 1 if an answer was wrong.
    """
    try:
        parts = urlsplit(url)
        named, is_url = parts.hostname, parts.scheme in {"http", "https"} and parts.port != 0
    except ValueError:  # brackets or a port that are none
        named, is_url = None, False
    if named is None or not is_url:
        msg = f"{url} is not a URL: give one like http://localhost:8000"
        raise typer.BadParameter(msg)
    if not _is_here(named) and named != host:
        msg = f"{named} is not this machine; if it is yours, say so with --host {named}"
        raise typer.BadParameter(msg)
    if not is_there(url):
        msg = f"nothing answers at {url}"
        raise typer.BadParameter(msg)
    cases = len(all_cases())
    on_terminal = Console(stderr=True)
    answered = list(track(attack(url), "sending", total=cases, console=on_terminal, transient=True))
    wrong = [one for one in answered if not one.is_right]
    console = Console()
    if wrong:
        console.print(_table(wrong))
    console.print(f"{cases - len(wrong)} of {cases} odd and hostile inputs were answered correctly")
    raise typer.Exit(1 if wrong else 0)


def _is_here(name: str) -> bool:
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _table(wrong: list[Answered]) -> Table:
    table = Table("input", "answer", "expected", "seconds", box=None, pad_edge=False)
    for one in wrong:
        table.add_row(
            one.case.name, one.answer, " or ".join(one.case.answers), f"{one.seconds:.1f}"
        )
    return table
