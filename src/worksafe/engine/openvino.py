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

# The first reading of a tensor fills a table of types under a lock, and waits inside it for the
# interpreter's; when two threads make theirs at once, each may wait for the other for ever. So it
# happens here, once, where no other thread can be.
_ = openvino.Tensor(np.zeros(1, np.float32)).data


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
        core = openvino.Core()
        compiled = core.compile_model(
            core.read_model(model),
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
