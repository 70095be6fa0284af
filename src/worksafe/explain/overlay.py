"""One picture that explains a result: a panel for each reason, and the reason in words."""

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from worksafe.explain.heat import colour
from worksafe.images.heat import spread
from worksafe.images.parts import LONG
from worksafe.images.pictures import View
from worksafe.images.resize import RgbImage
from worksafe.results import Action, Moderation, Reason, scores_in

SIDE_PX = 640  # of a panel's picture
_MOST_PANELS = 6
_MOST_SHOWN = 4  # pictures of a panel
_WAYS = "Side by side: as one viewer shows this file, and as others do."
_GAP_PX = 16
_LINE_PX = 24
_FONT_PX = 18
_NARROWEST_PX = 3  # of a character
_CHARACTER_PX = 8.8  # in the mean
_NARROWEST_PANEL_PX = 320
_LONGEST_PX = 2560
_WHITE = (255, 255, 255)
_TEXT = (30, 30, 30)
_EDGE = (200, 200, 200)
_COLOUR = {Action.ALLOW: (30, 130, 60), Action.REVIEW: (200, 130, 0), Action.BLOCK: (190, 20, 30)}


# Gives, of frames by their numbers, what some viewer or other shows.
Frames = Callable[[set[int]], Mapping[int, Sequence[RgbImage]]]


def draw_overlay(result: Moderation, frames: Frames) -> Image.Image:
    """Draw a result.

    Parameters
    ----------
    result : Moderation
        Of an image that could be checked, with maps.
    frames : callable
        Gives the pictures of frames by their numbers, of each one or several.

    Returns
    -------
    PIL.Image.Image
        RGB: what was decided, and for each reason the frame with the regions or the heat map of
        its label; reasons of a frame that have neither share it.
    """
    groups = _grouped(result)[:_MOST_PANELS]
    pictures = frames({_frame(reasons) for reasons in groups})
    panels = [_panel(result, reasons, pictures[_frame(reasons)]) for reasons in groups]
    head = f"{result.decision.value}, suitability {result.suitability}"
    width = (
        max(_NARROWEST_PANEL_PX, sum(panel.width + _GAP_PX for panel in panels) - _GAP_PX)
        + 2 * _GAP_PX
    )
    name = _fitted(_drawable(result.id or str(result.index)), width - 2 * _GAP_PX)
    top = _GAP_PX + _LINE_PX * 2 + _GAP_PX
    sheet = Image.new("RGB", (width, top + max(panel.height for panel in panels) + _GAP_PX), _WHITE)
    _write(sheet, (_GAP_PX, _GAP_PX), [head], _COLOUR[result.decision])
    _write(sheet, (_GAP_PX, _GAP_PX + _LINE_PX), [name], _TEXT)
    left = _GAP_PX
    for panel in panels:
        sheet.paste(panel, (left, top))
        left += panel.width + _GAP_PX
    return sheet


def frames_of(views: Iterable[View], wanted: set[int]) -> dict[int, list[RgbImage]]:
    """Find frames among an image's views, those for a second look included.

    Parameters
    ----------
    views : iterable of View
        As decoding gives them; gone through no further than needed.
    wanted : set of int
        Numbers of frames.

    Returns
    -------
    dict of int to list of ndarray of uint8, shape (h, w, 3)
        Of each frame the picture itself first, then what other viewers show in its place, four at
        most: what was seen may be in any of them.
    """
    own: dict[int, list[View]] = {}
    near: dict[int, list[View]] = {}
    for view in views:
        if wanted <= own.keys() | near.keys() and view.frame not in wanted:
            break
        if view.frame in wanted:
            own.setdefault(view.frame, []).append(view)
        for one in view.around:
            if one.frame in wanted:
                near[one.frame] = [one]
    return {
        frame: [one.pixels for one in sorted(some, key=lambda one: one.is_preview)][:_MOST_SHOWN]
        for frame, some in {**near, **own}.items()
    }


def _grouped(result: Moderation) -> list[list[Reason]]:
    """Group reasons whose pictures would be the same; of an image without any, one without any."""
    groups: dict[tuple[int | None, str | None], list[Reason]] = {}
    for reason in result.reasons:
        label = reason.label if _has_place(result, reason) else None
        groups.setdefault((reason.frame, label), []).append(reason)
    return list(groups.values()) or [[]]


def _has_place(result: Moderation, reason: Reason) -> bool:
    """Return whether a reason's label has regions or a map."""
    if result.scores is None or reason.label is None:
        return False
    scores = scores_in(result.frames, reason.frame, result.scores)
    return reason.label in {*scores.maps, *(region.label for region in scores.regions)}


def _frame(reasons: Sequence[Reason]) -> int:
    return 0 if not reasons or reasons[0].frame is None else reasons[0].frame


def _panel(result: Moderation, reasons: Sequence[Reason], shown: Sequence[RgbImage]) -> Image.Image:
    pictures = [_scaled(pixels, len(shown)) for pixels in shown]
    if reasons:
        for picture in pictures:
            _mark(picture, result, reasons[0])
    across = sum(picture.width + _GAP_PX for picture in pictures) - _GAP_PX
    width, below = max(across, _NARROWEST_PANEL_PX), max(picture.height for picture in pictures)
    words = [
        line
        for sentence in [*_sentences(result, reasons), *[_WAYS] * (len(shown) > 1)]
        for line in textwrap.wrap(sentence, int(width / _CHARACTER_PX))
    ]
    panel = Image.new("RGB", (width, below + _LINE_PX * (len(words) + 1)), _WHITE)
    left = 0
    for picture in pictures:
        panel.paste(picture, (left, 0))
        edge = (left, 0, left + picture.width - 1, picture.height - 1)
        ImageDraw.Draw(panel).rectangle(edge, outline=_EDGE)  # a picture may be white
        left += picture.width + _GAP_PX
    _write(panel, (0, below + _LINE_PX // 3), words, _TEXT)
    return panel


def _sentences(result: Moderation, reasons: Sequence[Reason]) -> list[str]:
    if not reasons:
        return ["No rule was reached."]
    nowhere = reasons[0].label is not None and not _has_place(result, reasons[0])
    return [
        *(reason.sentence for reason in reasons),
        *["Seen in no place in particular."] * nowhere,
    ]


def _scaled(pixels: RgbImage, beside: int) -> Image.Image:
    """Scale a picture that stands beside others; a long one to a shorter side that can be seen."""
    picture = Image.fromarray(pixels)
    side_px = (SIDE_PX - _GAP_PX * (beside - 1)) // beside
    scale = side_px / max(picture.size)
    if max(picture.size) > LONG * min(picture.size):
        scale = min(side_px / LONG / min(picture.size), _LONGEST_PX / max(picture.size))
    return picture.resize([max(1, round(side * scale)) for side in picture.size])


def _mark(picture: Image.Image, result: Moderation, reason: Reason) -> None:
    """Draw the label's regions, or its heat map, onto a picture."""
    if result.scores is None or reason.label is None:
        return
    scores = scores_in(result.frames, reason.frame, result.scores)
    places = scores.maps.get(reason.label)
    if places is not None:
        heat = colour(spread(places, *picture.size))
        picture.paste(heat, (0, 0), heat)
    draw = ImageDraw.Draw(picture)
    for region in scores.regions:
        if region.label == reason.label:
            x, y, width, height = region.box
            corners = (x, y, x + width, y + height)
            box = [part * picture.size[at % 2] for at, part in enumerate(corners)]
            draw.rectangle(box, outline=_COLOUR[reason.action], width=3)
            words = f"{region.detector_class} {region.score:.2f}"
            _write(picture, (int(box[0]) + 6, int(box[1]) + 4), [words], _WHITE, is_outlined=True)


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(_FONT_PX)


def _drawable(text: str) -> str:
    """Escape what the font has no sign for, which is all but ASCII, and what would move lines."""
    return "".join(
        one if " " <= one <= "~" else one.encode("unicode_escape").decode("ascii") for one in text
    )


def _fitted(text: str, width_px: int) -> str:
    """Shorten text until there is room for it: a name says most at its end, some at its start."""
    shown, kept = text, min(len(text), width_px // _NARROWEST_PX)
    while _font().getlength(shown) > width_px:
        kept -= 1
        shown = f"{text[: kept // 3]}…{text[kept // 3 - kept :]}"
    return shown


def _write(
    image: Image.Image,
    at: tuple[int, int],
    lines: Iterable[str],
    fill: tuple[int, int, int],
    *,
    is_outlined: bool = False,
) -> None:
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text(
            (at[0], at[1] + number * _LINE_PX),
            line,
            fill=fill,
            font=_font(),
            stroke_width=2 if is_outlined else 0,
            stroke_fill=_TEXT,
        )
