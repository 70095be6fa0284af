"""What several looks say, in one: at several sizes, by several detectors, of a picture's parts."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from worksafe.models.boxes import suppress_overlaps
from worksafe.results import Box, HeatMap, Region, Scores


def combine(several: Sequence[Scores]) -> Scores:
    """Keep the highest of each label over several looks at one picture, and what any found where.

    Parameters
    ----------
    several : sequence of Scores
        Of detectors, of passes at several sizes, or of a transparent picture's backgrounds.

    Returns
    -------
    Scores
        With all regions, but of two of one class that are nearly the same only the more certain;
        a label's map is of the look that scored highest of those that have one.
    """
    scores, _ = highest(several)
    maps: dict[str, tuple[float, HeatMap]] = {}
    for one in several:
        for name, places in one.maps.items():
            if name not in maps or one.labels[name] > maps[name][0]:
                maps[name] = one.labels[name], places
    return replace(
        scores,
        regions=_distinct([region for one in several for region in one.regions]),
        maps={name: places for name, (_, places) in maps.items()},
    )


def _distinct(regions: Sequence[Region]) -> tuple[Region, ...]:
    """Keep the more certain of two regions of one class that are the same find."""
    if not regions:
        return ()
    _, classes = np.unique([region.detector_class for region in regions], return_inverse=True)
    boxes = np.array([region.box for region in regions])
    kept = suppress_overlaps(boxes, np.array([region.score for region in regions]), classes)
    return tuple(regions[place] for place in kept)


def highest(several: Sequence[Scores]) -> tuple[Scores, dict[str, int]]:
    """Keep the highest of each label over several scores.

    Parameters
    ----------
    several : sequence of Scores
        Of frames, for example.

    Returns
    -------
    scores : Scores
        The regions and the map of a label are those of the scores that it was highest in.
    winners : dict of str to int
        Which those are, by category or ``category.label``.
    """
    winners: dict[str, int] = {}
    found = [{**scores.categories, **scores.labels} for scores in several]
    for index, values in enumerate(found):
        for name, value in values.items():
            if name not in winners or value > found[winners[name]][name]:
                winners[name] = index
    values = {name: found[index][name] for name, index in winners.items()}
    regions = sorted(
        (
            region
            for index, scores in enumerate(several)
            for region in scores.regions
            if winners[region.label] == index
        ),
        key=lambda region: region.score,
        reverse=True,
    )
    categories = {name: value for name, value in values.items() if "." not in name}
    labels = {name: value for name, value in values.items() if "." in name}
    maps = {name: several[index].maps.get(name) for name, index in winners.items()}
    known = {name: places for name, places in maps.items() if places is not None}
    return Scores(categories, labels, tuple(regions), known), winners


def join_parts(whole: Scores, parts: Sequence[tuple[Scores, Box]]) -> Scores:
    """Keep the highest of each label over a picture and its parts.

    Parameters
    ----------
    whole : Scores
        Of the picture as a whole.
    parts : sequence of tuple of Scores and box
        Of each of its parts, and where that lies in it; none for most pictures.

    Returns
    -------
    Scores
        Regions and maps are places in the picture. A map is that of the whole where a label scores
        highest there; else it is made of the parts', the hotter one where two overlap.
    """
    if not parts:
        return whole
    placed = [(replace(scores, regions=_placed(scores.regions, box)), box) for scores, box in parts]
    joined = combine([whole, *(scores for scores, _ in placed)])
    from_parts = {
        name: _lay_out([(scores.maps[name], box) for scores, box in parts if name in scores.maps])
        for name in joined.maps
        if joined.maps[name] is not whole.maps.get(name)
    }
    return replace(joined, maps={**joined.maps, **from_parts})


def _placed(regions: Iterable[Region], box: Box) -> tuple[Region, ...]:
    """Move regions of a part of a picture to where they lie in the picture."""
    left, top, across, down = box
    places = [(region, region.box) for region in regions]
    return tuple(
        replace(region, box=(left + x * across, top + y * down, width * across, height * down))
        for region, (x, y, width, height) in places
    )


def _lay_out(maps: Sequence[tuple[HeatMap, Box]]) -> HeatMap:
    """Lay out maps of parts over the picture, as fine as the finest, cold where none of them is."""
    arrays = [(np.array(places, dtype=np.float64), box) for places, box in maps]
    rows = max(round(len(places) / down) for places, (_, _, _, down) in arrays)
    columns = max(round(places.shape[1] / across) for places, (_, _, across, _) in arrays)
    laid = np.full((rows, columns), min(places.min() for places, _ in arrays))
    for places, (x, y, across, down) in arrays:
        under = laid[_span(y, down, rows), _span(x, across, columns)]
        finer = places[np.ix_(*map(_nearest, places.shape, under.shape))]
        np.maximum(under, finer, out=under)
    return tuple(tuple(row) for row in laid.tolist())


def _span(start: float, size: float, places: int) -> slice:
    return slice(round(start * places), round((start + size) * places))


def _nearest(few: int, many: int) -> NDArray[np.intp]:
    """Return for each of many places which of few lies there."""
    return (np.arange(many) * few) // many
