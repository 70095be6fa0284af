"""OpenVINO behind the Session protocol."""

import queue
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# The library's converter of models, which nothing here uses, brings a package that reports usage
# and writes a folder into the user's home when it is imported; the library does without it where
# it is missing.
sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]

import openvino  # noqa: E402 - after that


class OpenVinoSession:
    """OpenVINO on the CPU: as many runs at once as there are streams, one thread each.

    Parameters
    ----------
    model : bytes
        The ONNX file's content.
    precision : {"f32", "bf16"}
        Of its arithmetic; inputs and outputs are float32 either way.
    streams : int
        Runs at once.
    """

    def __init__(self, model: bytes, precision: str, streams: int) -> None:
        compiled = openvino.Core().compile_model(
            openvino.Core().read_model(model),
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": precision,
                "NUM_STREAMS": streams,
                "INFERENCE_NUM_THREADS": streams,
                "ENABLE_CPU_PINNING": False,  # it puts two processes on one core
            },
        )
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(streams):
            self._idle.put(compiled.create_infer_request())

    def run(self, planes: NDArray[np.float32], outputs: Sequence[str]) -> list[NDArray[Any]]:
        """Run the network; see `Session.run`."""
        request = self._idle.get()
        try:
            request.infer([planes])
            return [request.get_tensor(name).data.copy() for name in outputs]
        finally:
            self._idle.put(request)
