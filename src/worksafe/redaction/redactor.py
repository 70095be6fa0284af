"""One picture in, the same with what a policy minds covered up: check, cover, check again."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from worksafe.engine.cache import Found
from worksafe.engine.finder import Finder
from worksafe.engine.scoring import Look
from worksafe.errors import NotRedactableError, RedactionFailedError
from worksafe.images.open import Opener, Read
from worksafe.images.pictures import View
from worksafe.images.resize import RgbImage
from worksafe.images.source import Source
from worksafe.policy.decide import decide
from worksafe.policy.document import Policy
from worksafe.redaction.areas import WHOLE, Area, find_areas
from worksafe.redaction.cover import Method, cover
from worksafe.redaction.write import write_image
from worksafe.results import Action, Decision, PolicyInfo

BeforeEach = Callable[[View], None]

# Shares of a map's range that count as hot, round by round: first half of it, then nearly all.
_HOT = (0.5, 0.2)


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
    """

    labels: tuple[str, ...] = ()
    method: Method = "blur"


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
        What was covered; empty where nothing had to be.
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
    side_px : int
        The longest side that a picture may have: so it is not scaled down.
    """

    def __init__(self, opener: Opener, finder: Finder, side_px: int) -> None:
        self._opener = opener
        self._finder = finder
        self._side_px = side_px

    def redact(
        self,
        source: Source,
        redaction: Redaction,
        policy: Policy,
        look: Look,
        before_each: BeforeEach,
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
        before_each : callable
            Called before each picture is scored; what it raises ends the work.

        Returns
        -------
        Redacted

        Raises
        ------
        InputError
            One of its subclasses: where the picture cannot be checked, is an animation or a
            video, or does not pass even when all of it is covered.
        """
        read = self._opener.read(source)
        look = replace(look, maps=True)
        found, _ = self._finder.find(read, before_each, look)
        if found.image.frames > 1 or found.image.duration_s is not None:
            raise NotRedactableError("only still pictures are redacted, no animations or videos")
        came_as, first = found.image.format, decide(found.scores, policy)
        pixels = self._pixels(read)
        labels = {*redaction.labels, *_minded(first)}
        covered: list[Area] = []
        for step in _steps(redaction.method):
            areas = step.areas(found, labels, pixels)
            covered += areas
            pixels = cover(pixels, areas, step.method)
            data, format_name = write_image(pixels, came_as)
            found, _ = self._finder.find(data, before_each, look)
            decision = decide(found.scores, policy)
            if decision.action is Action.ALLOW:
                return Redacted(data, format_name, first, decision, tuple(covered), policy.info)
            labels = _minded(decision)
        raise RedactionFailedError("the policy does not allow even a black picture")

    def _pixels(self, read: Read) -> RgbImage:
        """Decode all of the picture; of a see-through one, as it lies on white."""
        with self._opener.open(read, self._side_px) as pictures:
            views = list(pictures.views)
        return views[1 if pictures.odd_thumbnail else 0].pixels


@dataclass(frozen=True, slots=True)
class _Step:
    """One attempt: which part of a map is hot (None: cover everything), and the method."""

    hot: float | None
    method: Method

    def areas(self, found: Found, labels: set[str], pixels: RgbImage) -> list[Area]:
        height, width = pixels.shape[:2]
        if self.hot is None:
            return [Area(label, WHOLE) for label in sorted(labels)]
        return find_areas(found.scores.scores, labels, self.hot, width, height)


def _steps(method: Method) -> list[_Step]:
    areas = [*(_Step(hot, method) for hot in _HOT), _Step(_HOT[-1], "box")]
    return [*areas, _Step(None, method), _Step(None, "box")]


def _minded(decision: Decision) -> set[str]:
    """Name what the policy does not allow; a rule without a label is about all of the picture."""
    return {reason.label or reason.rule for reason in decision.reasons}
