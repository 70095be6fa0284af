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
from openvino.passes import ConstantFolding, Manager  # noqa: E402 - the same

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
    unrounded : bool
        Compute in `precision` what is written to be computed in eight bits.
    """

    def __init__(
        self, model: bytes, precision: str, streams: int, *, unrounded: bool = False
    ) -> None:
        network = openvino.Core().read_model(model)
        if unrounded:
            _forget_rounding(network)
        compiled = openvino.Core().compile_model(
            network,
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


def _forget_rounding(network: openvino.Model) -> None:
    """Let layers in eight bits see their inputs as they are, and hold their weights in float."""
    for node in network.get_ops():
        if node.get_type_name() == "FakeQuantize":  # to bytes; what makes them floats again follows
            last = node
            while last.get_type_name() != "Multiply":
                (reader,) = last.output(0).get_target_inputs()
                last = reader.get_node()
            last.output(0).replace(node.input_value(0))
    passes = Manager()
    passes.register_pass(ConstantFolding())  # else weights are made floats anew in each run
    passes.run_passes(network)
