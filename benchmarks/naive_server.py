"""The server that one would write in an afternoon: the baseline of `bench_http.py`.

Usage: python benchmarks/naive_server.py PORT hazards|mobilenet [FILE]

In the manner of the original project: each upload is saved to disk, `NudeDetector().detect` reads
it again, a second model reads it once more. `hazards` is our own network, `mobilenet` the ONNX
file of a MobileNetV2 (FILE). gunicorn, one process of eight threads.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask, request
from gunicorn.app.base import BaseApplication
from nudenet import NudeDetector
from PIL import Image

from worksafe.models.hazards import SPEC

THREADS = 8
SIDES = {"hazards": SPEC.side_px, "mobilenet": 224}


def make_app(kind: str, path: str) -> Flask:
    """Load both models as their packages do by default."""
    import onnxruntime  # noqa: PLC0415 - after the fork, as nudenet's own

    app = Flask(__name__)
    nudity = NudeDetector()
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    side = SIDES[kind]

    @app.post("/check")
    def check() -> dict[str, Any]:
        with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
            request.files["images"].save(file.name)
            found = nudity.detect(file.name)
            with Image.open(file.name) as image:
                resized = image.convert("RGB").resize((side, side))
        pixels = np.asarray(resized, dtype=np.float32) / 127.5 - 1
        (scores, *_) = session.run(
            None, {session.get_inputs()[0].name: pixels.transpose(2, 0, 1)[None]}
        )
        return {"nudity": found, "second": np.asarray(scores).ravel()[:20].tolist()}

    return app


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn as its documentation has it for threads."""

    def __init__(self, port: int, kind: str, path: str) -> None:
        self._port, self._kind, self._path = port, kind, path
        super().__init__()

    def load_config(self) -> None:
        """Set address and threads."""
        self.cfg.set("bind", f"127.0.0.1:{self._port}")
        self.cfg.set("worker_class", "gthread")
        self.cfg.set("threads", THREADS)
        self.cfg.set("loglevel", "error")

    def load(self) -> Flask:
        """Load the models, after the fork."""
        return make_app(self._kind, self._path)


if __name__ == "__main__":
    kind = sys.argv[2]
    shipped = str(Path(__file__).parents[1] / "src/worksafe/models/shipped/hazards.onnx")
    Server(int(sys.argv[1]), kind, sys.argv[3] if len(sys.argv) > 3 else shipped).run()  # noqa: PLR2004
