"""Walk a folder tree whose folders' names are the labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from worksafe.errors import DatasetError
from worksafe.evaluation.datasets import NEUTRAL
from worksafe.images.source import printable_path
from worksafe.models.hazards import SPEC

CATEGORIES = (*SPEC.categories, NEUTRAL)
VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi"})

_SHAPE = (
    "the tree must be FOLDER/source/category/label/..., with the files below a label, "
    f"and FOLDER/source/{NEUTRAL}/...; the categories are {', '.join(CATEGORIES)}"
)
_PARTS = 3  # source, category, file: without them nothing is known
_PARTS_LABELLED = 4


@dataclass(frozen=True, slots=True)
class Found:
    """One file of the tree.

    Attributes
    ----------
    path : Path
        The file.
    original : str
        Its path below the tree's folder, as text.
    source, category : str
        The first two folders.
    label : str
        The third; empty for neutral pictures.
    sublabel : str
        The folders below, joined by ``/``.
    """

    path: Path
    original: str
    source: str
    category: str
    label: str
    sublabel: str

    @property
    def is_video(self) -> bool:
        """Return whether it is a video, by its name's ending; pictures are told by their bytes."""
        return self.path.suffix.lower() in VIDEO_SUFFIXES


def collect(folder: Path) -> list[Found]:
    """List the files of a tree, with the labels that their folders say.

    Parameters
    ----------
    folder : Path
        Holds ``source/category/label/...`` and ``source/neutral/...``. Names that begin with a
        dot are passed over.

    Returns
    -------
    list of Found
        In the order of their paths.

    Raises
    ------
    DatasetError
        If there is no such folder, no file in it, or a file where none belongs.
    """
    if not folder.is_dir():
        msg = f"{printable_path(folder)} is not a folder"
        raise DatasetError(msg)
    found = [_found(folder, path) for path in _files(folder)]
    if not found:
        msg = f"{printable_path(folder)} has no files; {_SHAPE}"
        raise DatasetError(msg)
    return found


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if not path.is_dir():
            if path.exists() and not path.is_file():  # a pipe is read for ever
                msg = f"{printable_path(path)} is not a file"
                raise DatasetError(msg)
            yield path
        elif path.is_symlink():  # it might lead back up the tree
            msg = f"{printable_path(path)} is a link to a folder; put the folder itself there"
            raise DatasetError(msg)
        else:
            yield from _files(path)


def _found(folder: Path, path: Path) -> Found:
    original = printable_path(path.relative_to(folder).as_posix())
    parts = original.split("/")
    is_neutral = parts[1:2] == [NEUTRAL]
    if len(parts) < (_PARTS if is_neutral else _PARTS_LABELLED) or parts[1] not in CATEGORIES:
        msg = f"{printable_path(path)} is in the wrong place: {_SHAPE}"
        raise DatasetError(msg)
    source, category, *below = parts[:-1]
    label = "" if is_neutral else below.pop(0)
    return Found(path, original, source, category, label, "/".join(below))
