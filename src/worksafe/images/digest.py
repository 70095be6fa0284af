"""Digests of pixels, by which the same picture is known again."""

import hashlib

from worksafe.images.resize import RgbImage


def digest(pixels: RgbImage, size_bytes: int) -> bytes:
    """Hash pixels and their shape: the same only for the same picture.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (h, w, 3)
        RGB, 0 to 255.
    size_bytes : int
        How long the digest is to be, 64 at most.

    Returns
    -------
    bytes
    """
    shape = repr(pixels.shape).encode()
    return hashlib.blake2b(shape + pixels.tobytes(), digest_size=size_bytes).digest()
