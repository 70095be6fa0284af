"""``worksafe check --explain``: a picture for each image that shows why."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from worksafe.cli.shown import printable, shown
from worksafe.cli.sources import Readable
from worksafe.errors import InputError
from worksafe.explain.overlay import SIDE_PX, draw_overlay, frames_of
from worksafe.images.resize import RgbImage
from worksafe.moderator import Moderator
from worksafe.results import Check, Moderation

_LONGEST_NAME_BYTES = 160  # a file system counts bytes, and takes 255


def write_overlays(
    moderator: Moderator, sources: Sequence[Readable], check: Check, folder: Path
) -> None:
    """Write a PNG for each image that could be checked; what fails is said, and raises nothing.

    Parameters
    ----------
    moderator : Moderator
        Decodes the images once more.
    sources : sequence of str, bytes or InputError
        What was checked: paths, URLs or whole files.
    check : Check
        Their results, with maps.
    folder : Path
        Which exists. A file's name begins with the image's number and ends with
        a hash of where it came from: no two images have the same, of another run neither.
    """
    console = Console(stderr=True, soft_wrap=True)
    written = 0
    for source, result in zip(sources, check.results, strict=True):
        if result.error is not None or isinstance(source, InputError):
            continue
        try:
            _write_overlay(moderator, source, result, folder)
            written += 1
        except Exception as error:  # noqa: BLE001 - a front door; the answer is out already
            name = shown(result.id or str(result.index))
            console.print(f"[yellow]warning[/]: no picture of {name}: {_why(error)}")
    if written:
        console.print(f"wrote {shown(str(folder))}")


def _write_overlay(
    moderator: Moderator, source: str | bytes, result: Moderation, folder: Path
) -> None:
    def frames(wanted: set[int]) -> dict[int, list[RgbImage]]:
        with moderator.open(source, SIDE_PX) as pictures:
            return frames_of(pictures.views, wanted)

    draw_overlay(result, frames).save(folder / _file_name(source, result))


def _file_name(source: str | bytes, result: Moderation) -> str:
    whence = source if isinstance(source, bytes) else os.fsencode(Path(source).absolute())
    stem = printable(Path(result.id or "").stem.replace("/", "_")).encode()
    name = stem[-_LONGEST_NAME_BYTES:].decode(errors="ignore") or "image"
    return f"{result.index:03}-{name}-{hashlib.sha256(whence).hexdigest()[:8]}.png"


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"frame {error} is not there any more"
    return shown(getattr(error, "strerror", None) or str(error) or type(error).__name__)
