"""Running a network: the Session protocol, and ONNX Runtime behind it."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from worksafe.errors import SettingsError

_PROVIDERS = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"],
}


class Session(Protocol):
    """A network that is loaded and can be run from several threads at once."""

    def run(self, planes: NDArray[np.float32], outputs: Sequence[str]) -> list[NDArray[Any]]:
        """Run the network.

        Parameters
        ----------
        planes : ndarray of float32, shape (1, 3, height, width)
            The normalised picture.
        outputs : sequence of str
            Names of the wanted outputs.

        Returns
        -------
        list of ndarray
            One for each name.
        """


class OnnxSession:
    """ONNX Runtime, one thread per run.

    Several runs at once on one thread each are steady; several threads per run spin while they
    wait for each other, and are two to five times slower on a busy machine.

    Parameters
    ----------
    model : bytes
        The ONNX file's content.
    device : {"cpu", "cuda"}
        Where it runs.

    Raises
    ------
    SettingsError
        If CUDA does not work here: the library would go on with the processor and only log it.
    """

    def __init__(self, model: bytes, device: str = "cpu") -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            model, sess_options=options, providers=_PROVIDERS[device]
        )
        self._session.disable_fallback()
        if _PROVIDERS[device][0] not in self._session.get_providers():
            msg = f"onnxruntime cannot use {device} (its log says why): set WORKSAFE_DEVICE=cpu"
            raise SettingsError(msg)
        self._input = self._session.get_inputs()[0].name

    def run(self, planes: NDArray[np.float32], outputs: Sequence[str]) -> list[NDArray[Any]]:
        """Run the network; see `Session.run`."""
        results: list[NDArray[Any]] = self._session.run(list(outputs), {self._input: planes})
        return results
