"""Text of others on a terminal: whoever uploads a file, or fills a folder, chooses its name."""

import sys
from collections.abc import Sequence

import typer
from rich.console import Console
from rich.markup import escape

_PIPED_WIDTH = 1_000_000  # no line folds: programs that read them take each for a row


def shown(text: str) -> str:
    """Make text harmless for rich and for the terminal.

    Parameters
    ----------
    text : str
        A name or a message, as it came.

    Returns
    -------
    str
        Without control characters but line breaks, and without markup.
    """
    return escape("\n".join(map(printable, text.split("\n"))))


def printable(text: str) -> str:
    """Replace all control characters, line breaks too."""
    return "".join(one if one.isprintable() else "\ufffd" for one in text)


def print_markdown(lines: Sequence[str]) -> None:
    """Print a document: drawn on a terminal, as it is into a file."""
    text = "\n".join(lines)
    if sys.stdout.isatty():
        from rich.markdown import Markdown

        Console().print(Markdown(text))
    else:
        typer.echo(text)


def table_console() -> Console:
    """Make a console for wide tables: piped into a file there is no window to fold or cut for."""
    return Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH)
