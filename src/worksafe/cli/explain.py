"""``worksafe check --explain``: a picture for each image that shows why."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from worksafe.explain.overlay import SIDE_PX, draw_overlay, frames_of
from worksafe.images.resize import RgbImage
from worksafe.moderator import Moderator
from worksafe.results import Check

_LONGEST_NAME = 80


def write_overlays(
    moderator: Moderator, sources: Sequence[str | bytes], check: Check, folder: Path
) -> None:
    """Write a PNG for each image that could be checked.

    Parameters
    ----------
    moderator : Moderator
        Decodes the images once more.
    sources : sequence of str or bytes
        What was checked: paths, URLs or whole files.
    check : Check
        Their results, with maps.
    folder : Path
        Made where it does not exist. A file's name begins with the image's number, so no two
        images have the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for source, result in zip(sources, check.results, strict=True):
        if result.error is not None:
            continue

        def frames(wanted: set[int], source: str | bytes = source) -> dict[int, RgbImage]:
            with moderator.open(source, SIDE_PX) as pictures:
                return frames_of(pictures.views, wanted)

        name = Path(result.id or "").stem[-_LONGEST_NAME:] or "image"
        path = folder / f"{result.index:03}-{name.replace('/', '_')}.png"
        draw_overlay(result, frames).save(path)
    Console(stderr=True).print(f"wrote {escape(str(folder))}")
