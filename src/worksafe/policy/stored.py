"""Past results, read back from stored answers: what a policy needs to decide on them anew."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worksafe.errors import StoredResultsError
from worksafe.models.registry import CATEGORIES, LABELS
from worksafe.policy.decide import decide
from worksafe.policy.document import Policy
from worksafe.results import Action, FrameScores, ImageScores, Moderation, Reason, Scores

_NEXT = re.compile(r"\S")


@dataclass(frozen=True, slots=True)
class Stored:
    """One image's stored result.

    Attributes
    ----------
    scored : ImageScores or None
        None where it could not be checked.
    is_complete : bool
        False where the answer does not hold what decides: of a video its frames, which must agree,
        and which of them are stills, of what moves how far the frames that were not checked differ,
        and of all images each category and label that a rule can be about: one that was not scored
        would be passed over.
    check : str
        Id of the answer that it stands in; empty where there is none.
    index : int
        Its place there.
    id : str or None
        The caller's name for it.
    """

    scored: ImageScores | None
    is_complete: bool = True
    check: str = ""
    index: int = 0
    id: str | None = None

    def decide(self, policy: Policy) -> tuple[Action, tuple[Reason, ...]]:
        """Decide anew: the action, and the reasons for it."""
        if self.scored is None:
            return policy.on_error, ()
        decision = decide(self.scored, policy)
        return decision.action, decision.reasons


def stored(result: Moderation) -> Stored:
    """Make of a result what would be stored of it, frames included."""
    image = result.image
    if result.scores is None or image is None:
        return Stored(None, index=result.index, id=result.id)
    is_video = image.duration_s is not None
    scored = ImageScores(result.scores, {}, result.frames, image.unseen, is_video=is_video)
    return Stored(scored, index=result.index, id=result.id)


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
    found: list[Stored] = []
    for line, document in _documents(text, path):
        try:
            check = str(document.get("id", ""))
            found += [_result(one, check) for one in document["results"]]
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            msg = f"{path}:{line}: no answer of a check: {type(error).__name__} {error}"
            raise StoredResultsError(msg) from error
    return found


def _documents(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    """Yield each document, and the line that it begins on."""
    decoder, at, line = json.JSONDecoder(), 0, 1
    while (begin := _NEXT.search(text, at)) is not None:
        line += text.count("\n", at, begin.start())
        at = begin.start()
        try:
            document, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            msg = f"{path}:{line}: no JSON: {error}"
            raise StoredResultsError(msg) from error
        for one in document if isinstance(document, list) else [document]:
            yield line, one
        line += text.count("\n", at, end)
        at = end


def _result(found: Mapping[str, Any], check: str) -> Stored:
    index, name = int(found["index"]), found["id"]
    if name is not None and not isinstance(name, str):
        msg = f"the id {name!r} is not text"
        raise ValueError(msg)
    if found["status"] == "error":
        return Stored(None, check=check, index=index, id=name)
    if found["status"] != "ok":
        msg = f"the status {found['status']!r} is neither ok nor error"
        raise ValueError(msg)
    image, frames = found["image"], found.get("frames") or ()
    is_video = image.get("duration_s") is not None
    scored = ImageScores(
        _scores(found["categories"]),
        {},
        tuple(
            FrameScores(
                int(one["frame"]),
                _number(one["time_s"]),
                _scores(one["categories"]),
                _truth(one.get("still", False)),
            )
            for one in frames
        ),
        _score(image.get("unseen", 0.0)),
        is_video=is_video,
    )
    all_seen = "unseen" in image or image["frames"] <= image["frames_checked"]
    all_told = not is_video or (
        len(frames) == image["frames_checked"] and all("still" in one for one in frames)
    )
    deciding = [one.scores for one in scored.frames] if is_video else [scored.scores]
    is_complete = (
        all_seen and all_told and bool(deciding) and all(map(_has_all, (scored.scores, *deciding)))
    )
    return Stored(scored, is_complete, check, index, name)


def _has_all(scores: Scores) -> bool:
    """Return whether all was scored that a rule can be about, or that makes a category's score."""
    return scores.categories.keys() >= set(CATEGORIES) and scores.labels.keys() >= LABELS.keys()


def _scores(categories: Mapping[str, Any]) -> Scores:
    """Read scores; labels that this version does not know have no rule that they could reach."""
    labels = {
        f"{category}.{label}": _score(score)
        for category, one in categories.items()
        for label, score in one["labels"].items()
    }
    return Scores(
        {name: _score(one["score"]) for name, one in categories.items()},
        {name: score for name, score in labels.items() if name in LABELS},
    )


def _score(value: object) -> float:
    if not 0 <= (score := _number(value)) <= 1:
        msg = f"{value!r} is not a score between 0 and 1"
        raise ValueError(msg)
    return score


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        msg = f"{value!r} is neither true nor false"
        raise ValueError(msg)
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        msg = f"{value!r} is not a number"
        raise ValueError(msg)
    return float(value)
