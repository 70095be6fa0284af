"""Past results, read back from stored answers: what a policy needs to decide on them anew."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worksafe.errors import StoredResultsError
from worksafe.policy.decide import decide
from worksafe.policy.document import Policy
from worksafe.results import Action, FrameScores, ImageScores, Moderation, Reason, Scores


@dataclass(frozen=True, slots=True)
class Stored:
    """One image's stored result.

    Attributes
    ----------
    name : str
        The caller's name for it, or its number.
    scored : ImageScores or None
        None where it could not be checked.
    is_complete : bool
        False for a video that was stored without its frames: what a policy that wants frames to
        agree decides on it cannot be told.
    """

    name: str
    scored: ImageScores | None
    is_complete: bool = True

    def decide(self, policy: Policy) -> tuple[Action, tuple[Reason, ...]]:
        """Decide anew: the action, and the reasons for it."""
        if self.scored is None:
            return policy.on_error, ()
        decision = decide(self.scored, policy)
        return decision.action, decision.reasons


def stored(result: Moderation) -> Stored:
    """Make of a result what would be stored of it."""
    image = result.image
    name = result.id or str(result.index)
    if result.scores is None or image is None:
        return Stored(name, None)
    is_video = image.duration_s is not None
    return Stored(
        name, ImageScores(result.scores, {}, result.frames, image.unseen, is_video=is_video)
    )


def read_results(path: Path) -> list[Stored]:
    """Read stored answers.

    Parameters
    ----------
    path : Path
        The document of ``POST /v1/check`` or of ``worksafe check --json``: one, a list of them,
        or one a line.

    Returns
    -------
    list of Stored
        Of all documents, in order.

    Raises
    ------
    StoredResultsError
        If the file cannot be read, or is something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        msg = f"cannot read the results {path}: {error}"
        raise StoredResultsError(msg) from error
    found = []
    for line, document in _documents(text, path):
        try:
            found += [_result(one) for one in document["results"]]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            msg = f"{path}:{line}: no answer of a check: {type(error).__name__} {error}"
            raise StoredResultsError(msg) from error
    return found


def _documents(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    """Give each document, and the line that it begins on."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        line = text.count("\n", 0, at) + 1
        try:
            document, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            msg = f"{path}:{line}: no JSON: {error}"
            raise StoredResultsError(msg) from error
        for one in document if isinstance(document, list) else [document]:
            yield line, one


def _result(found: Mapping[str, Any]) -> Stored:
    name = str(found["id"] if found["id"] is not None else found["index"])
    if found["status"] == "error":
        return Stored(name, None)
    image, frames = found["image"], found.get("frames")
    is_video = image.get("duration_s") is not None
    scored = ImageScores(
        _scores(found["categories"]),
        {},
        tuple(
            FrameScores(int(one["frame"]), float(one["time_s"]), _scores(one["categories"]))
            for one in frames or ()
        ),
        float(image.get("unseen", 0.0)),
        is_video=is_video,
    )
    return Stored(name, scored, is_complete=bool(frames) or not is_video)


def _scores(categories: Mapping[str, Any]) -> Scores:
    labels = {
        f"{category}.{label}": float(score)
        for category, one in categories.items()
        for label, score in one["labels"].items()
    }
    return Scores({name: float(one["score"]) for name, one in categories.items()}, labels)
