"""Coverage-guided fuzzing of decoding: any bytes give pictures or one of our errors.

Usage: python tests/fuzz/fuzz_decode.py SECONDS (`make fuzz` calls it); Linux, needs atheris.
"""

import sys

import atheris

with atheris.instrument_imports(include=["worksafe.images", "PIL"]):
    from worksafe.doctor.corpus import all_cases
    from worksafe.errors import InputError
    from worksafe.images.decode import decode_image
    from worksafe.images.limits import ImageLimits

from fuzz.running import run

LIMITS = ImageLimits(max_pixels=1_000_000, max_animation_pixels=2_000_000, max_side_px=4096)
SEED_BYTES = 20_000


def one_input(data: bytes) -> None:
    """Decode; whatever else than our errors comes out is a finding."""
    try:
        decode_image(data, LIMITS, 320)
    except InputError:
        pass


if __name__ == "__main__":
    seeds = [case.make().body for case in all_cases() if case.group != "Requests"
             and not case.name.startswith(("50 Mpx", "PNG of 196", "PNG with 1 GB"))]  # fmt: skip
    run(one_input, [seed for seed in seeds if len(seed) <= SEED_BYTES], int(sys.argv[1]))
