"""Labelled pictures on disk: a folder with a ``manifest.csv``, one row per picture."""

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from worksafe.errors import DatasetError, InputError
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.images.resize import RgbImage

MANIFEST = "manifest.csv"
NEUTRAL = "neutral"
SPLITS = ("train", "val", "test")
_WEAK = ("", "0", "1")
_NEVER_EMPTY = ("path", "source", "group")
_REQUIRED = ("path", "split", "category", "label", "source", "group")


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled picture.

    Attributes
    ----------
    path : Path
        The file.
    category : str
        A category of the taxonomy, or ``neutral``.
    label : str
        ``category.label``; empty for neutral pictures.
    kind : str
        The finer kind, as collected: the slices of a report (sport, food, wound, ...).
    weak : bool
        A doubtful or altered example: never measured on.
    source : str
        The collection it comes from.
    group : str
        Pictures of one clip, scene or burst share a group, and a group never straddles splits.
    """

    path: Path
    split: str
    category: str
    label: str
    kind: str
    weak: bool
    source: str
    group: str


def read_manifest(folder: Path) -> list[Example]:
    """Read a data set's manifest.

    Parameters
    ----------
    folder : Path
        Holds ``manifest.csv``, with at least the columns path, split, category, label, source
        and group (sublabel and weak are optional), and the pictures at those paths.

    Returns
    -------
    list of Example
        In the manifest's order.

    Raises
    ------
    DatasetError
        If the manifest is absent, lacks a column, has a wrong value, or lets a group or a picture
        straddle splits (which would flatter every figure).
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        msg = f"{manifest} does not exist"
        raise DatasetError(msg)
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets write a mark
            reader = csv.DictReader(file)
            if missing := [name for name in _REQUIRED if name not in (reader.fieldnames or ())]:
                msg = f"{manifest} lacks the columns {', '.join(missing)}"
                if ";" in "".join(reader.fieldnames or ()):
                    msg += ": it has semicolons where commas should be"
                raise DatasetError(msg)
            examples = [_example(folder, manifest, line, row) for line, row in enumerate(reader, 2)]
    except UnicodeDecodeError as error:
        msg = f"{manifest} is not UTF-8"
        raise DatasetError(msg) from error
    except csv.Error as error:  # a quote that is never closed
        msg = f"{manifest} is not a table of comma-separated values: {error}"
        raise DatasetError(msg) from error
    _refuse_leakage(manifest, examples)
    return examples


def _example(folder: Path, manifest: Path, line: int, row: dict[str, str]) -> Example:
    if None in row or None in row.values():  # the reader's key and value for them
        msg = f"{manifest}:{line}: {'more' if None in row else 'fewer'} cells than columns"
        raise DatasetError(msg)
    if empty := [name for name in _NEVER_EMPTY if not row[name]]:
        msg = f"{manifest}:{line}: {empty[0]} is empty"
        raise DatasetError(msg)
    if row.get("weak", "0") not in _WEAK:
        msg = f"{manifest}:{line}: weak is {row['weak']!r}; it must be one of {_WEAK}"
        raise DatasetError(msg)
    if row["split"] not in SPLITS:
        msg = f"{manifest}:{line}: split is {row['split']!r}; it must be one of {SPLITS}"
        raise DatasetError(msg)
    neutral = row["category"] == NEUTRAL
    if neutral and row["label"]:
        msg = f"{manifest}:{line}: a {NEUTRAL} picture has no label, this one has {row['label']!r}"
        raise DatasetError(msg)
    if not (neutral or row["label"]):
        msg = (
            f"{manifest}:{line}: the category {row['category']!r} wants a label; of a picture that "
            f"shows nothing it is {NEUTRAL!r}"
        )
        raise DatasetError(msg)
    return Example(
        path=folder / row["path"],
        split=row["split"],
        category=row["category"],
        label="" if neutral else f"{row['category']}.{row['label']}",
        kind=row.get("sublabel", ""),
        weak=row.get("weak", "0") == "1",
        source=row["source"],
        group=row["group"],
    )


def _refuse_leakage(manifest: Path, examples: list[Example]) -> None:
    split_of: dict[str, str] = {}
    split_of_path: dict[Path, str] = {}
    for example in examples:
        path = Path(os.path.normpath(example.path))
        if split_of_path.setdefault(path, example.split) != example.split:
            msg = f"{manifest}: {example.path.name} is in {split_of_path[path]} and in "
            raise DatasetError(msg + f"{example.split}; a picture belongs to one split")
        if split_of.setdefault(example.group, example.split) != example.split:
            msg = (
                f"{manifest}: group {example.group!r} is in {split_of[example.group]} "
                f"and in {example.split}; a group belongs to one split"
            )
            raise DatasetError(msg)


def choose_split(examples: Iterable[Example], split: str) -> list[Example]:
    """Return the pictures of one split that are sure of their label: all but the weak ones.

    Parameters
    ----------
    examples : iterable of Example
        Of all splits.
    split : str
        Which.

    Returns
    -------
    list of Example
        In order.
    """
    return [example for example in examples if example.split == split and not example.weak]


def read_split(folder: Path, split: str) -> list[Example]:
    """Read the pictures of one split to measure on.

    Parameters
    ----------
    folder : Path
        Of the data set.
    split : str
        Which.

    Returns
    -------
    list of Example
        As `choose_split` gives them.

    Raises
    ------
    DatasetError
        If there is no such split, the manifest is wrong, or it has no usable pictures of it.
    """
    if split not in SPLITS:
        msg = f"the split must be one of {', '.join(SPLITS)}, not {split!r}"
        raise DatasetError(msg)
    examples = choose_split(read_manifest(folder), split)
    if not examples:
        msg = f"{folder} has no pictures in the split {split}"
        raise DatasetError(msg)
    return examples


def read_pixels(example: Example, side_px: int) -> RgbImage:
    """Read a picture as serving does.

    Parameters
    ----------
    example : Example
        The picture.
    side_px : int
        What it is needed for, in pixels: larger ones may come scaled down, not below this.

    Returns
    -------
    ndarray of uint8, shape (h, w, 3)
        Upright RGB; of an animation the first frame.

    Raises
    ------
    DatasetError
        If the file cannot be decoded.
    """
    try:
        return decode_image(example.path, ImageLimits(), side_px).picture
    except InputError as error:
        msg = f"{example.path}: {error}"
        raise DatasetError(msg) from error
