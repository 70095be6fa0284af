"""Linear layers in eight bits: half of the time on a CPU, and scores that hardly move.

References
----------
.. [1] Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-
   Only Inference", CVPR 2018.
.. [2] Sun et al., "Massive Activations in Large Language Models", 2024: also of ViTs. The layer
   that makes them has inputs of which a few lie far above the rest, and is to stay in float.
"""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

_LINEAR = "Gemm"
_WEIGHT = ".weight"


def quantise(path: Path, pictures: Iterable[NDArray[np.float32]], kept: tuple[str, ...]) -> None:
    """Quantise a network's linear layers to eight bits.

    Weights get a scale for each output; inputs one scale for the layer, from the least and the
    most that the pictures make of them. Weights take seven of the eight bits: on processors
    without VNNI sums of two products have sixteen bits, and would overflow.

    Parameters
    ----------
    path : Path
        The ONNX file, which is rewritten.
    pictures : iterable of ndarray of float32, shape (1, 3, side, side)
        Some that were learnt from.
    kept : tuple of str
        Layers that stay in float, by name; those that are no plain matrix product always do.
    """
    layers = _linear_layers(path)
    log = logging.getLogger()
    level = log.level
    log.setLevel(logging.ERROR)  # the library's advice to prepare the file, which torch has done
    try:
        quantize_static(
            str(path),
            str(path),
            _Reader(pictures),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=[_LINEAR],
            nodes_to_quantize=[node for name, node in layers.items() if name not in kept],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"OpTypesToExcludeOutputQuantization": [_LINEAR]},
        )
    finally:
        log.setLevel(level)


def _linear_layers(path: Path) -> dict[str, str]:
    """Name the nodes of linear layers by the layers' names in PyTorch."""
    return {
        node.input[1].removesuffix(_WEIGHT): node.name
        for node in onnx.load(str(path)).graph.node
        if node.op_type == _LINEAR and node.input[1].endswith(_WEIGHT)
    }


class _Reader(CalibrationDataReader):
    """Hands pictures to the library, one at a time."""

    def __init__(self, pictures: Iterable[NDArray[np.float32]]) -> None:
        self._pictures: Iterator[NDArray[np.float32]] = iter(pictures)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next picture, None after the last."""
        planes = next(self._pictures, None)
        return None if planes is None else {"pixels": planes}
