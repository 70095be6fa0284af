"""NudeNet's graph, changed when it is loaded so that boxes are computed only where one is wanted.

YOLOv8 computes a box at each of its places, for a fifth of its time, although most pictures show
nothing to draw one around. Here the scores come first, and the rest only if one of them is high
enough. What the network answers about such pictures stays the same to the last bit.

References
----------
.. [1] ONNX operator ``If``: only the branch that is taken is computed.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from worksafe.errors import WeightsError

_HEAD = "/model.22/"
_JOINED = [f"{_HEAD}{node}_output_0" for node in ("Concat", "Concat_1", "Concat_2")]
_BOX_LOGITS = f"{_HEAD}Split_1_output_0"
_BOXES = f"{_HEAD}Mul_5_output_0"
_BOX_WIDTH = 64  # sixteen distances for each of four sides


def skip_boxes(model: bytes, wanted: Sequence[bool], above: float) -> bytes:
    """Compute boxes only for pictures in which a wanted class scores high.

    Parameters
    ----------
    model : bytes
        The ONNX file's content.
    wanted : sequence of bool
        Of each class, in the network's order: whether its boxes are looked at.
    above : float
        A score is high if it is above this.

    Returns
    -------
    bytes
        An ONNX file with the same input and output; boxes that are left out are zeros.

    Raises
    ------
    WeightsError
        If the file is not the network that is known here.
    """
    network = onnx.load_from_string(model)
    graph = network.graph
    class_logits, box_logits = _of_scales("cv3"), _of_scales("cv2")
    made = {name for node in graph.node for name in node.output}
    if not {*class_logits, *box_logits, _BOX_LOGITS, _BOXES} <= made:
        raise WeightsError("the file is not the NudeNet whose boxes can be left out")

    scoring = _needed(graph, class_logits, without=())
    known = [name for node in scoring for name in node.output]
    boxing = _needed(graph, box_logits, without=known)
    boxing += _side_by_side(box_logits, _BOX_LOGITS, "all of a place's box")
    joined = dict(zip(_JOINED, class_logits, strict=True))
    known += [*(name for node in boxing for name in node.output), *joined]
    boxing += _needed(graph, [_BOXES], without=known)
    for node in boxing:  # of the joined logits only height and width are asked there
        node.input[:] = [joined.get(name, name) for name in node.input]

    scores = [
        *_side_by_side(class_logits, "class logits", "all of a place's classes"),
        helper.make_node("Sigmoid", ["class logits"], ["scores"]),
        helper.make_node("Gather", ["scores", "wanted"], ["wanted scores"], axis=1),
        helper.make_node("ReduceMax", ["wanted scores"], ["highest"], keepdims=0),
        helper.make_node("Greater", ["highest", "above"], ["is high"]),
    ]
    decision = helper.make_node(
        "If",
        ["is high"],
        ["boxes"],
        then_branch=_branch("boxes", boxing, _BOXES),
        else_branch=_branch("no boxes", _zeros(), "zeros"),
    )
    output = helper.make_node("Concat", ["boxes", "scores"], [graph.output[0].name], axis=1)
    del graph.node[:]
    graph.node.extend([*scoring, *scores, decision, output])
    constants = {
        "wanted": np.flatnonzero(wanted),
        "above": np.float32(above),
        "four": np.arange(4),
        "all of a place's classes": np.array([0, len(wanted), -1]),
        "all of a place's box": np.array([0, _BOX_WIDTH, -1]),
    }
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    )
    used = {name for node in (*scoring, *boxing, *scores) for name in node.input} | {"four"}
    kept = [one for one in graph.initializer if one.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    content: bytes = network.SerializeToString()
    return content


def _of_scales(branch: str) -> list[str]:
    return [f"{_HEAD}{branch}.{scale}/{branch}.{scale}.2/Conv_output_0" for scale in range(3)]


def _needed(
    graph: onnx.GraphProto, wanted: Iterable[str], without: Iterable[str]
) -> list[onnx.NodeProto]:
    """Give what computes some tensors from others that are known, in the graph's order."""
    missing, known = set(wanted), set(without)
    nodes = []
    for node in reversed(graph.node):  # each comes after what it needs
        if missing & set(node.output):
            nodes.append(node)
            missing |= set(node.input) - known
    return nodes[::-1]


def _side_by_side(logits: Sequence[str], together: str, shape: str) -> list[onnx.NodeProto]:
    """Lay out the places of all scales in one row, (batch, channels, places)."""
    rows = [f"{name} in a row" for name in logits]
    return [
        *(
            helper.make_node("Reshape", [name, shape], [row])
            for name, row in zip(logits, rows, strict=True)
        ),
        helper.make_node("Concat", rows, [together], axis=2),
    ]


def _zeros() -> list[onnx.NodeProto]:
    """Make an empty box for each place, (batch, 4, places)."""
    return [
        helper.make_node("Gather", ["scores", "four"], ["any four"], axis=1),
        helper.make_node("Sub", ["any four", "any four"], ["zeros"]),
    ]


def _branch(name: str, nodes: Sequence[onnx.NodeProto], output: str) -> onnx.GraphProto:
    result = helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, ["batch", 4, "places"])
    return helper.make_graph(nodes, name, [], [result])
