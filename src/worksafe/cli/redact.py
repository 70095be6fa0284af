"""``worksafe redact``: one picture to a new file that passes."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console

from worksafe.choices import Method, Thorough
from worksafe.cli.shown import shown
from worksafe.cli.sources import STANDARD, read_argument, read_named
from worksafe.errors import InputError
from worksafe.models.registry import known_label
from worksafe.moderator import Moderator
from worksafe.redaction.redactor import Redacted, Redaction
from worksafe.settings import Settings

_FORMAT_BY_SUFFIX = {
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".jpe": "jpeg",
    ".jfif": "jpeg",
    ".png": "png",
    ".gif": "gif",
    ".webp": "webp",
    ".bmp": "bmp",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".avif": "avif",
    ".heic": "heic",
    ".heif": "heic",
}


def redact_image(
    image: str,
    to: str,
    policy: str | None,
    *,
    labels: Sequence[str],
    method: Method,
    thorough: Thorough | None,
) -> None:
    """Redact a picture, and say what was covered.

    Parameters
    ----------
    image : str
        A path or URL; ``-`` is the standard input.
    to : str
        A path; ``-`` is the standard output.
    policy : str or None
        Name of one, or its file, in place of the settings'.
    labels : sequence of str
        Covered wherever they are seen.
    method : {"blur", "pixelate", "box"}
        With what.
    thorough : {"never", "uncertain", "always"} or None
        In place of the settings'.

    Raises
    ------
    InputError
        If the picture cannot be redacted; nothing is written then.
    typer.BadParameter
        If a label does not exist, or the new file cannot be written: for instance because its
        name says another format than the picture's, or it is the picture. Nothing is written then.
    """
    try:
        asked = tuple(map(known_label, labels))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if _is_same_file(image, to):
        msg = f"{to} is the picture itself, which would be lost: give the new file another name"
        raise typer.BadParameter(msg)
    settings = Settings.load(fetch_urls=True)
    source = read_argument(image, settings.limits)
    if isinstance(source, InputError):
        raise source
    chosen, redaction = read_named(policy), Redaction(asked, method)
    with Moderator(settings) as moderator:
        done = moderator.redact(source, redaction, chosen, look=moderator.look(thorough))
    _write(done, to)
    Console(stderr=True).print(shown(_summary(done, to)))


def _is_same_file(image: str, to: str) -> bool:
    """Return whether two names lead to one file, be it by links; devices and pipes are none."""
    try:
        return Path(to).is_file() and Path(to).samefile(image)
    except (OSError, ValueError):  # one is not there, or no path at all
        return False


def _write(done: Redacted, to: str) -> None:
    if to == STANDARD:
        sys.stdout.buffer.write(done.data)
        sys.stdout.buffer.flush()
        return
    path = Path(to)
    if _FORMAT_BY_SUFFIX.get(path.suffix.lower(), done.format) != done.format:
        msg = f"the result is a file of the format {done.format}: give {to} another ending"
        raise typer.BadParameter(msg)
    try:
        _write_whole(path, done.data)
    except OSError as error:
        msg = f"cannot write {to}: {error.strerror or error}"
        raise typer.BadParameter(msg) from error


def _write_whole(path: Path, data: bytes) -> None:
    """Write all of a file or nothing: what stands there stays where the new one has no room."""
    if path.exists() and not path.is_file():  # a device or a pipe
        path.write_bytes(data)
        return
    target = path.resolve()  # where a link leads
    part = target.with_name(f".{target.name[:200]}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        if target.exists():
            shutil.copymode(target, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _summary(done: Redacted, to: str) -> str:
    shares: dict[str, list[str]] = {}
    for area in done.areas:
        shares.setdefault(area.label, []).append(f"{area.share:.0%}")
    covered = ", ".join(
        f"{label} ({' and '.join(of)} of the picture)" for label, of in shares.items()
    )
    return (
        f"{to}: {done.format}; before {done.before.action}, after {done.after.action}; "
        f"covered: {covered or 'nothing'}"
    )
