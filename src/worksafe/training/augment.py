"""Random changes to training pictures, so that only content can tell classes apart.

Size, sharpness, compression, borders and colour differ between collections and would give away
the source of a picture; each is varied at random here so that it carries no signal.
"""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from worksafe.images.resize import RgbImage

Rng = np.random.Generator
Step = Callable[[Image.Image, Rng], Image.Image]

_SMALLEST_SIDE_PX = 48


def rotate(image: Image.Image, rng: Rng) -> Image.Image:
    """Turn and shear a little; corners are filled with a random grey."""
    shear = rng.uniform(-0.15, 0.15)
    sheared = image.transform(
        image.size,
        Image.Transform.AFFINE,
        (1, shear, -shear * image.height / 2, 0, 1, 0),
        Image.Resampling.BILINEAR,
        fillcolor=_grey(rng),
    )
    return sheared.rotate(rng.uniform(-15, 15), Image.Resampling.BILINEAR, fillcolor=_grey(rng))


def crop(image: Image.Image, rng: Rng) -> Image.Image:
    """Keep a random part, half the area at least, of a random shape (shift and zoom)."""
    area = rng.uniform(0.5, 1.0)
    stretch = np.exp(rng.uniform(-0.3, 0.3))
    width = min(1.0, (area * stretch) ** 0.5)
    height = min(1.0, (area / stretch) ** 0.5)
    left, top = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    box = (left, top, left + width, top + height)
    sides = (image.width, image.height) * 2
    return image.crop(tuple(round(part * side) for part, side in zip(box, sides, strict=True)))


def bars(image: Image.Image, rng: Rng) -> Image.Image:
    """Put bars of one grey above and below, or left and right, as film and phone frames have."""
    share = rng.uniform(0.03, 0.25)
    upright = rng.choice([True, False])
    width, height = image.size
    grown = (
        (round(width * (1 + 2 * share)), height)
        if upright
        else (width, round(height * (1 + 2 * share)))
    )
    canvas = Image.new("RGB", grown, _grey(rng) if rng.choice([True, False]) else (0, 0, 0))
    canvas.paste(image, ((grown[0] - width) // 2, (grown[1] - height) // 2))
    return canvas


def colour(image: Image.Image, rng: Rng) -> Image.Image:
    """Vary brightness, contrast and saturation."""
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhance(image).enhance(rng.uniform(0.6, 1.4))
    return image


def tint(image: Image.Image, rng: Rng) -> Image.Image:
    """Scale each channel by itself, as lamps and cameras do."""
    gains = rng.uniform(0.8, 1.2, size=3)
    table = [min(255, round(value * gain)) for gain in gains for value in range(256)]
    return image.point(table)


def greyscale(image: Image.Image, rng: Rng) -> Image.Image:  # noqa: ARG001 - a step's shape
    """Take the colour away: war pictures and cameras at night have none."""
    return image.convert("L").convert("RGB")


def blur(image: Image.Image, rng: Rng) -> Image.Image:
    """Defocus."""
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 2.0)))


def downscale(image: Image.Image, rng: Rng) -> Image.Image:
    """Lose resolution, and come back."""
    scale = rng.uniform(0.25, 0.9)
    small = tuple(max(_SMALLEST_SIDE_PX, round(side * scale)) for side in image.size)
    method = rng.choice([Image.Resampling.NEAREST, Image.Resampling.BILINEAR])
    return image.resize((small[0], small[1]), Image.Resampling(int(method))).resize(
        image.size, Image.Resampling.BILINEAR
    )


def noise(image: Image.Image, rng: Rng) -> Image.Image:
    """Add the grain of a sensor in the dark."""
    grain = rng.normal(0, rng.uniform(2, 14), size=(image.height, image.width, 1))
    grainy = np.asarray(image, dtype=np.float32) + grain.astype(np.float32)
    return Image.fromarray(np.clip(grainy, 0, 255).astype(np.uint8))


def jpeg(image: Image.Image, rng: Rng) -> Image.Image:
    """Compress as messengers do."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=int(rng.integers(20, 90)))
    return Image.open(file).convert("RGB")


def mirror(image: Image.Image, rng: Rng) -> Image.Image:  # noqa: ARG001 - a step's shape
    """Swap left and right."""
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


# In the order in which they are applied, each with its probability.
STEPS: tuple[tuple[float, Step], ...] = (
    (0.30, rotate),
    (0.85, crop),
    (0.07, bars),
    (0.50, mirror),
    (0.70, colour),
    (0.20, tint),
    (0.15, greyscale),
    (0.15, blur),
    (0.25, downscale),
    (0.12, noise),
    (0.35, jpeg),
)


def augment(image: RgbImage, rng: Rng) -> RgbImage:
    """Change a picture at random.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w, 3)
        RGB, 0 to 255.
    rng : numpy.random.Generator
        The only source of chance: the same state gives the same picture.

    Returns
    -------
    ndarray of uint8, shape (h', w', 3)
        RGB; its size may differ.
    """
    picture = Image.fromarray(image)
    for probability, step in STEPS:
        if rng.random() < probability:
            picture = step(picture, rng)
    return np.asarray(picture)


def lay_on(image: RgbImage, background: RgbImage, rng: Rng) -> RgbImage:
    """Lay a picture, smaller, on another: what a collection has around its things tells nothing.

    Parameters
    ----------
    image, background : ndarray of uint8, shape (h, w, 3)
        RGB, 0 to 255; the background is ordinary, so that labels stay true.
    rng : numpy.random.Generator
        The only source of chance.

    Returns
    -------
    ndarray of uint8, shape (h', w', 3)
        Of a size at which the picture keeps its own.

    References
    ----------
    .. [1] Dwibedi et al., "Cut, Paste and Learn", ICCV 2017.
    """
    height, width = image.shape[:2]
    share = rng.uniform(0.55, 0.9, size=2)
    canvas = (round(width / share[0]), round(height / share[1]))
    left, top = (int(rng.integers(0, room + 1)) for room in (canvas[0] - width, canvas[1] - height))
    laid = np.array(Image.fromarray(background).resize(canvas, Image.Resampling.BILINEAR))
    laid[top : top + height, left : left + width] = image
    return laid


def _grey(rng: Rng) -> tuple[int, int, int]:
    value = int(rng.integers(0, 256))
    return (value, value, value)
