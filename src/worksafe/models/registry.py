"""All detectors, one line each. Everything else reads categories and labels from here."""

from worksafe.models import hazards, nudity
from worksafe.models.spec import DetectorSpec, Label

DETECTORS: tuple[DetectorSpec, ...] = (nudity.SPEC, hazards.SPEC)

LABELS: dict[str, Label] = {label.name: label for spec in DETECTORS for label in spec.labels}
CATEGORIES: tuple[str, ...] = tuple(
    dict.fromkeys(category for spec in DETECTORS for category in spec.categories)
)


def does_count(name: str) -> bool:
    """Return whether a label makes its category's score; one that is not registered yet does.

    Parameters
    ----------
    name : str
        ``category.label``.

    Returns
    -------
    bool
    """
    return name not in LABELS or LABELS[name].counts


def known_label(name: str) -> str:
    """Return a label's name; raises ValueError, which names all, where there is none."""
    if name not in LABELS:
        msg = f"{name} is not a label; known are {', '.join(LABELS)}"
        raise ValueError(msg)
    return name
