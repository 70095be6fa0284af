"""NudeNet's graph, changed when it is loaded: it answers the same in three quarters of the time.

YOLOv8 computes a box at each of its places, for a fifth of its time, although most pictures show
nothing to draw one around. Here the scores come first, and the rest only if one of them is high
enough. And where it divides what a convolution made, two convolutions make the halves.

References
----------
.. [1] ONNX operator ``If``: only the branch that is taken is computed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from worksafe.errors import WeightsError

_HEAD = "/model.22/"
_JOINED = [f"{_HEAD}{node}_output_0" for node in ("Concat", "Concat_1", "Concat_2")]
_BOX_LOGITS = f"{_HEAD}Split_1_output_0"
_BOXES = f"{_HEAD}Mul_5_output_0"
_BOX_WIDTH = 64  # sixteen distances for each of four sides


def make_lean(model: bytes, wanted: Sequence[bool], above: float) -> bytes:
    """Make NudeNet answer the same in less time: divide its convolutions, and skip its boxes.

    Parameters
    ----------
    model : bytes
        The ONNX file's content.
    wanted, above
        As in `skip_boxes`.

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
    divide_convolutions(network.graph)
    skip_boxes(network.graph, wanted, above)
    content: bytes = network.SerializeToString()
    return content


def divide_convolutions(graph: onnx.GraphProto) -> None:
    """Let a convolution for each part make what one makes and a ``Split`` divides.

    Runtimes keep channels in blocks from one convolution to the next. A ``Split`` between them
    takes rows, so channels are laid out anew before and after it. Each channel is computed as
    before, and stays the same to the last bit.

    Parameters
    ----------
    graph : GraphProto
        Changed in place. Convolutions are divided together with the SiLU after them; any other
        ``Split`` stays.
    """
    tensors = {one.name: one for one in graph.initializer}
    made_by = {name: node for node in graph.node for name in node.output}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        convolution = _activated_convolution(node, made_by)
        if convolution is None:
            nodes.append(node)
            continue
        sizes, *own = (
            numpy_helper.to_array(tensors[name]) for name in (node.input[1], *convolution.input[1:])
        )
        parts = (np.split(one, np.cumsum(sizes)[:-1]) for one in own)
        for output, *part in zip(node.output, *parts, strict=True):
            names = [f"{output} {what}" for what in ("weights", "biases")]
            graph.initializer.extend(map(numpy_helper.from_array, part, names))
            nodes += _activate(convolution, names, output)
    _replace_nodes(graph, _needed(nodes, [one.name for one in graph.output], without=()))


def _activated_convolution(
    split: onnx.NodeProto, made_by: Mapping[str, onnx.NodeProto]
) -> onnx.NodeProto | None:
    """Return the convolution whose output, after a SiLU, a node divides; None if it does not."""
    product = made_by.get(split.input[0]) if split.op_type == "Split" else None
    if product is None or product.op_type != "Mul":
        return None
    convolution, sigmoid = (made_by.get(name) for name in product.input)
    if convolution is None or sigmoid is None:
        return None
    is_silu = sigmoid.op_type == "Sigmoid" and list(sigmoid.input) == list(convolution.output)
    return convolution if is_silu and convolution.op_type == "Conv" else None


def _activate(
    convolution: onnx.NodeProto, tensors: Sequence[str], output: str
) -> list[onnx.NodeProto]:
    """Make a convolution like another, with its own weights and biases, and the SiLU after it."""
    part = onnx.NodeProto()
    part.CopyFrom(convolution)
    part.name, plain = f"{output} convolution", f"{output} before SiLU"
    part.input[:] = [convolution.input[0], *tensors]
    part.output[:] = [plain]
    return [
        part,
        helper.make_node("Sigmoid", [plain], [f"{output} gate"]),
        helper.make_node("Mul", [plain, f"{output} gate"], [output]),
    ]


def skip_boxes(graph: onnx.GraphProto, wanted: Sequence[bool], above: float) -> None:
    """Compute boxes only for pictures in which a wanted class scores high.

    Parameters
    ----------
    graph : GraphProto
        Changed in place; boxes that are left out are zeros.
    wanted : sequence of bool
        Of each class, in the network's order: whether its boxes are looked at.
    above : float
        A score is high if it is above this.

    Raises
    ------
    WeightsError
        If it is not the network that is known here.
    """
    class_logits, box_logits = _of_scales("cv3"), _of_scales("cv2")
    made = {name for node in graph.node for name in node.output}
    if not {*class_logits, *box_logits, _BOX_LOGITS, _BOXES} <= made:
        raise WeightsError("the file is not the NudeNet whose boxes can be left out")

    scoring = _needed(graph.node, class_logits, without=())
    known = [name for node in scoring for name in node.output]
    boxing = _needed(graph.node, box_logits, without=known)
    boxing += _side_by_side(box_logits, _BOX_LOGITS, "all of a place's box")
    joined = dict(zip(_JOINED, class_logits, strict=True))
    known += [*(name for node in boxing for name in node.output), *joined]
    boxing += _needed(graph.node, [_BOXES], without=known)
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
    _replace_nodes(graph, [*scoring, *scores, decision, output])


def _of_scales(branch: str) -> list[str]:
    return [f"{_HEAD}{branch}.{scale}/{branch}.{scale}.2/Conv_output_0" for scale in range(3)]


def _needed(
    nodes: Sequence[onnx.NodeProto], wanted: Iterable[str], without: Iterable[str]
) -> list[onnx.NodeProto]:
    """Return those nodes that compute some tensors from others that are known, in their order."""
    missing, known = set(wanted), set(without)
    needed = []
    for node in reversed(nodes):  # each comes after what it needs
        if missing & set(node.output):
            needed.append(node)
            missing |= set(node.input) - known
    return needed[::-1]


def _replace_nodes(graph: onnx.GraphProto, nodes: Sequence[onnx.NodeProto]) -> None:
    """Put other nodes in, and drop the tensors that none of them asks for."""
    del graph.node[:]
    graph.node.extend(nodes)
    used = set(_asked_for(graph.node))
    kept = [one for one in graph.initializer if one.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _asked_for(nodes: Iterable[onnx.NodeProto]) -> Iterator[str]:
    """Name what nodes ask for, those in their branches as well."""
    for node in nodes:
        yield from node.input
        for attribute in node.attribute:
            yield from _asked_for(attribute.g.node)


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
