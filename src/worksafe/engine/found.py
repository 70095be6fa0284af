"""What was found in an image."""

from dataclasses import dataclass

from worksafe.results import ImageInfo, ImageScores


@dataclass(frozen=True, slots=True)
class Found:
    """What detectors found in an image, before any policy."""

    scored: ImageScores
    image: ImageInfo
