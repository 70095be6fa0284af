"""How far scores move when a picture is changed as pictures are on their way through the web."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from worksafe.errors import DatasetError
from worksafe.evaluation.datasets import Example, read_pixels
from worksafe.evaluation.metrics import roc_auc
from worksafe.evaluation.scoring import Scored, Unchecked, score_examples
from worksafe.evaluation.subjects import Row, fixed
from worksafe.images.source import Source
from worksafe.models.spec import DetectorSpec, Label
from worksafe.moderator import Moderator

UNCHANGED = "unchanged"
_MOST_PX = 2000  # of a side, before it is changed
_CROPPED = 0.05  # of each side's length, at both ends


def _jpeg(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def _half(image: Image.Image) -> Image.Image:
    return image.resize(
        (max(1, image.width // 2), max(1, image.height // 2)), Image.Resampling.LANCZOS
    )


def _crop(image: Image.Image) -> Image.Image:
    x, y = round(image.width * _CROPPED), round(image.height * _CROPPED)
    return image.crop((x, y, image.width - x, image.height - y))


CHANGES: Mapping[str, Callable[[Image.Image], Source]] = {
    UNCHANGED: lambda image: image,
    "JPEG 50": lambda image: _jpeg(image, 50),
    "JPEG 30": lambda image: _jpeg(image, 30),
    "half size": _half,
    "mirrored": ImageOps.mirror,
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(1)),
    "cropped": _crop,
}


def choose_specs(examples: Sequence[Example], specs: Sequence[DetectorSpec]) -> list[DetectorSpec]:
    """Choose the detectors that report a category of some pictures."""
    categories = {example.category for example in examples}
    return [spec for spec in specs if categories & set(spec.categories)]


def score_changes(
    moderator: Moderator, examples: Sequence[Example]
) -> Iterator[tuple[str, Scored]]:
    """Score pictures under every change, and unchanged.

    Parameters
    ----------
    moderator : Moderator
        Has the detectors that report the pictures' labels.
    examples : sequence of Example
        The pictures; those that show nothing which they report are passed over.

    Yields
    ------
    change : str
        A name from `CHANGES`.
    scored : Scored
        One for each of the others.

    Raises
    ------
    DatasetError
        If a picture cannot be checked.
    """
    shown = choose_shown(examples, moderator.labels)
    for name, change in CHANGES.items():

        def open_changed(
            example: Example, change: Callable[[Image.Image], Source] = change
        ) -> Source:
            return change(Image.fromarray(read_pixels(example, _MOST_PX)))

        for scored in score_examples(moderator, shown, open_changed):
            if isinstance(scored, Unchecked):
                msg = f"{scored.example.path}, {name}: {scored.reason}"
                raise DatasetError(msg)
            yield name, scored


def choose_shown(examples: Sequence[Example], labels: Iterable[Label]) -> list[Example]:
    """Choose the pictures of labels that are reported: not neutral, and of no other label."""
    names = {label.name for label in labels}
    return [example for example in examples if example.label in names]


def robustness_rows(changed: Sequence[tuple[str, Scored]], neutral: Sequence[Scored]) -> list[Row]:
    """Measure how far each label's score moves on its own pictures.

    Parameters
    ----------
    changed : sequence of (str, Scored)
        From `score_changes`.
    neutral : sequence of Scored
        Ordinary pictures, unchanged.

    Returns
    -------
    list of dict of str to str
        Rows of ``hazards-<split>-robustness.csv``: for each label and change the median and the
        90th percentile of the score's absolute difference, and the AUC of the changed pictures
        against the unchanged neutral ones.
    """
    scores: dict[str, dict[str, list[float]]] = {}
    for change, one in changed:
        label = one.example.label
        scores.setdefault(label, {}).setdefault(change, []).append(one.scores[label])
    return [
        {"label": label, "change": change, **_moved(by_change, change, label, neutral)}
        for label, by_change in sorted(scores.items())
        for change in by_change
    ]


def _moved(
    by_change: Mapping[str, Sequence[float]], change: str, label: str, neutral: Sequence[Scored]
) -> Row:
    now = np.array(by_change[change])
    moved = np.abs(now - np.array(by_change[UNCHANGED]))
    against = np.array([one.scores[label] for one in neutral])
    auc = roc_auc(np.concatenate([now, against]), np.arange(now.size + against.size) < now.size)
    return {
        "positives": str(now.size),
        "median_change": fixed(float(np.median(moved))),
        "p90_change": fixed(float(np.percentile(moved, 90))),
        "auc": fixed(auc),
    }
