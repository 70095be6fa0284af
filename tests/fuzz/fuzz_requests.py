"""Coverage-guided fuzzing of the bodies of requests: multipart and JSON, never a 500.

Usage: python tests/fuzz/fuzz_requests.py SECONDS (`make fuzz` calls it); Linux, needs atheris.
"""

import sys

import atheris

with atheris.instrument_imports(include=["worksafe.api", "werkzeug.sansio", "werkzeug.formparser"]):
    from worksafe import Moderator, Settings
    from worksafe.api.app import create_app
    from worksafe.doctor.corpus import all_cases

from fakes import brightness_detector
from fuzz.running import run

SEED_BYTES = 20_000
FORM = "multipart/form-data; boundary=worksafe-hostile"
CLIENT = create_app(
    Moderator(Settings(max_images=8), detectors=[brightness_detector()])
).test_client()


def one_input(data: bytes) -> None:
    """Send the bytes as a form and as JSON."""
    for content_type in (FORM, "application/json"):
        response = CLIENT.post("/v1/check", data=data, content_type=content_type)
        if response.status_code >= 500:
            raise RuntimeError(response.get_data(as_text=True))


if __name__ == "__main__":
    seeds = [case.make().body for case in all_cases() if case.group == "Requests"]
    run(one_input, [seed for seed in seeds if len(seed) <= SEED_BYTES], int(sys.argv[1]))
