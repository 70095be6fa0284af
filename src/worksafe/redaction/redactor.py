"""One picture in, the same with what a policy minds covered up: check, cover, check again."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from worksafe.choices import Method
from worksafe.engine.detector import Look
from worksafe.engine.finder import Caller, Finder
from worksafe.engine.found import Found
from worksafe.errors import (
    InputError,
    NotRedactableError,
    RedactionFailedError,
    UndecodableImageError,
)
from worksafe.images.decode import decode_image
from worksafe.images.frames import count_frames
from worksafe.images.limits import ImageLimits
from worksafe.images.open import Opener, Read
from worksafe.images.resize import RgbImage
from worksafe.images.source import Source, Url, is_video, read_head, read_source
from worksafe.models.registry import does_count
from worksafe.models.spec import Label
from worksafe.policy.decide import decide
from worksafe.policy.document import Policy
from worksafe.redaction.areas import WHOLE, Area, Reach, find_areas
from worksafe.redaction.cover import METHODS, cover
from worksafe.redaction.write import write_image
from worksafe.results import Action, Decision, PolicyInfo, category_of

_NEAR = Reach(margin=0.1, hot=0.5)
_FAR = Reach(margin=0.5, hot=0.2)
_SEEN = 0.25  # a label that was asked for is there from this score on, as regions are

_ONLY_STILLS = "only still pictures are redacted: no animations, videos or files of several pages"

# What else such files hold are previews, depth maps and other takes, which are not written.
_ONE_PICTURE = frozenset({"jpeg", "heic"})
_PILLOWS_ONE_PICTURE = frozenset({"MPO", "HEIF"})  # the same in Pillow's words


@dataclass(frozen=True, slots=True)
class Redaction:
    """What to cover, and how.

    Attributes
    ----------
    labels : tuple of str
        Each a ``category.label`` that is covered wherever it is seen, whatever the policy says
        of it. What the policy does not allow is always covered.
    method : {"blur", "pixelate", "box"}
        With what.

    Raises
    ------
    ValueError
        If `labels` is one text, or there is no such method.
    """

    labels: tuple[str, ...] = ()
    method: Method = "blur"

    def __post_init__(self) -> None:
        """Refuse what would cover nothing, or fail once something is to be covered."""
        if isinstance(self.labels, str):
            msg = f"labels must be a tuple of names, not the text {self.labels!r}"
            raise ValueError(msg)
        if self.method not in METHODS:
            msg = f"method must be one of {tuple(METHODS)}, not {self.method!r}"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class Redacted:
    """A picture that passes its policy.

    Attributes
    ----------
    data : bytes
        The file: upright, without metadata.
    format : str
        Of the file.
    before, after : Decision
        On the picture as it came, and on `data`.
    areas : tuple of Area
        What was covered, one attempt after the other: a later one may hold an earlier; empty where
        nothing had to be.
    policy : PolicyInfo
        Whose decisions they are.
    """

    data: bytes
    format: str
    before: Decision
    after: Decision
    areas: tuple[Area, ...]
    policy: PolicyInfo


class Redactor:
    """Covers pictures up.

    Parameters
    ----------
    opener : Opener
        Gets whole pictures.
    finder : Finder
        Scores them.
    limits : ImageLimits
        Of what comes in; what goes out may be a larger file.
    labels : iterable of Label
        All that may be asked for.
    """

    def __init__(
        self, opener: Opener, finder: Finder, limits: ImageLimits, labels: Iterable[Label]
    ) -> None:
        self._opener = opener
        self._finder = finder
        self._limits = limits
        self._labels = {label.name for label in labels}

    def refuse_unknown(self, redaction: Redaction) -> None:
        """Raise ValueError where a label is to be covered that nothing reports."""
        if unknown := set(redaction.labels) - self._labels:
            msg = f"no such label: {', '.join(sorted(unknown))}"
            raise ValueError(msg)

    def take(self, source: Source) -> Source:
        """Copy a picture that is the caller's, who may go on with it.

        Parameters
        ----------
        source : Source
            Of any kind.

        Returns
        -------
        Source
            The same, or a copy of it; of a file object its bytes.

        Raises
        ------
        InputError
            One of its subclasses, where a file object cannot be read, or a PIL image is too large,
            damaged, or moves.
        """
        if isinstance(source, np.ndarray):
            return source.copy()
        if isinstance(source, Url | str | bytes | os.PathLike):
            return source
        if not isinstance(source, Image.Image):
            return read_source(source, self._limits)
        self._limits.check_size(*source.size)
        try:
            if count_frames(source) > 1 and source.format not in _PILLOWS_ONE_PICTURE:
                raise NotRedactableError(_ONLY_STILLS)
            return source.copy()
        except InputError:
            raise
        except Exception as error:
            raise UndecodableImageError("the image is damaged or cut off") from error

    def redact(
        self,
        source: Source,
        redaction: Redaction,
        policy: Policy,
        look: Look,
        caller: Caller,
    ) -> Redacted:
        """Cover up what a policy does not allow.

        Parameters
        ----------
        source : Source
            One still picture.
        redaction : Redaction
            What else to cover, and how.
        policy : Policy
            What the result must pass.
        look : Look
            How closely to look, before and after.
        caller : Caller
            Who waits for it.

        Returns
        -------
        Redacted

        Raises
        ------
        InputError
            One of its subclasses: where the picture cannot be checked, is an animation or a
            video, or does not pass even when all of it is covered.
        """
        look = replace(look, maps=True)
        read = self._opener.read(source, caller.deadline)
        _refuse_film(read)
        found, _ = self._finder.find(read, caller, look)
        came_as, before = found.image.format, decide(found.scored, policy)
        if found.image.frames > 1 and came_as not in _ONE_PICTURE:
            raise NotRedactableError(_ONLY_STILLS)
        pixels = self._pixels(read, caller)
        if found.image.frames > 1 or found.image.odd_thumbnail:  # the rest of the file goes
            found = self._find_in(pixels, caller, look)
        labels = _asked_for(redaction, found) | _minded(found, decide(found.scored, policy))
        covered: list[Area] = []
        for step in _steps(redaction.method):
            areas = step.areas(found, labels, pixels)
            covered += areas
            pixels = cover(pixels, areas, step.method)
            data, format_name = write_image(pixels, came_as)
            found = self._find_in(data, caller, look)
            after = decide(found.scored, policy)
            asked = _asked_for(redaction, found)
            if after.action is Action.ALLOW and not asked:
                return Redacted(data, format_name, before, after, tuple(covered), policy.info)
            labels = asked | _minded(found, after)
        raise RedactionFailedError("the policy allows not even a picture that is all covered")

    def _pixels(self, read: Read, caller: Caller) -> RgbImage:
        """Decode all of the first picture; of a transparent one, as it lies on white."""
        with self._opener.open(read, self._limits.max_side_px, caller.deadline) as pictures:
            return next(view.pixels for view in pictures.views if not view.is_preview)

    def _find_in(self, own: bytes | RgbImage, caller: Caller, look: Look) -> Found:
        """Score what was made here, as it would be scored if it came in."""
        limits = replace(self._limits, max_bytes=max(self._limits.max_bytes, len(own)))
        decoded = decode_image(own, limits, self._finder.side_px(look))
        return self._finder.find(decoded, caller, look)[0]


@dataclass(frozen=True, slots=True)
class _Step:
    """One attempt: how far areas reach (None: cover everything), and the method."""

    reach: Reach | None
    method: Method

    def areas(self, found: Found, labels: set[str], pixels: RgbImage) -> list[Area]:
        height, width = pixels.shape[:2]
        if self.reach is None:
            return [Area(label, WHOLE) for label in sorted(labels)]
        return find_areas(found.scored.scores, labels, self.reach, width, height)


def _steps(method: Method) -> list[_Step]:
    steps = [_Step(_NEAR, method), _Step(_FAR, method), _Step(_FAR, "box")]
    return list(dict.fromkeys([*steps, _Step(None, method), _Step(None, "box")]))


def _refuse_film(read: Read) -> None:
    """Refuse a film before all of it is scored."""
    if isinstance(read, Path) or (isinstance(read, bytes) and is_video(read_head(read))):
        raise NotRedactableError(_ONLY_STILLS)


def _asked_for(redaction: Redaction, found: Found) -> set[str]:
    """Name the labels that were asked for and are in the picture."""
    scores = found.scored.scores
    with_regions = {region.label for region in scores.regions}
    return {
        label
        for label in redaction.labels
        if label in with_regions or scores.labels[label] >= _SEEN
    }


def _minded(found: Found, decision: Decision) -> set[str]:
    """Name what the policy does not allow: of a category's rule all labels that reach it.

    A rule without a label is about all of the picture.
    """
    named = {reason.label or reason.rule for reason in decision.reasons}
    return named | {
        name
        for reason in decision.reasons
        for name, score in found.scored.scores.labels.items()
        if category_of(name) == reason.rule and does_count(name) and score >= reason.threshold
    }
