import numpy as np

from worksafe.images.digest import digest


def test_only_pictures_of_the_same_pixels_and_shape_have_the_same_digest() -> None:
    pixels = np.zeros((4, 6, 3), dtype=np.uint8)
    other = pixels.copy()
    other[0, 0, 0] = 1

    digests = [digest(one, 16) for one in (pixels, pixels.copy(), other, pixels.reshape(6, 4, 3))]

    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
    assert all(len(one) == 16 for one in digests)
