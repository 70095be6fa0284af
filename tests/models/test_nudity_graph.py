from collections import Counter
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from pictures import photographs
from worksafe.engine.detector import prepare
from worksafe.engine.session import OnnxSession
from worksafe.errors import WeightsError
from worksafe.models import hazards, nudity
from worksafe.models.nudity_graph import divide_convolutions, skip_boxes
from worksafe.models.weights import read_weights

ALL = [True] * len(nudity.CLASSES)
FACES = ["FACE" in name for name, _ in nudity.CLASSES]


@pytest.fixture(scope="module")
def weights() -> bytes:
    return read_weights(nudity.SPEC.weights)


@pytest.fixture(scope="module")
def answers(weights: bytes) -> dict[str, NDArray[np.float32]]:
    """What the network says, as it comes, about each photograph."""
    return answers_of(weights)


def answers_of(model: bytes) -> dict[str, NDArray[np.float32]]:
    session = OnnxSession(model)
    return {
        name: session.run(prepare(image, nudity.SPEC)[0], nudity.SPEC.outputs)[0]
        for name, image in photographs().items()
    }


def changed(model: bytes, change: Callable[..., None], *how: object) -> bytes:
    network = onnx.load_from_string(model)
    change(network.graph, *how)
    content: bytes = network.SerializeToString()
    return content


def test_divided_convolutions_answer_the_same_to_the_last_bit(
    weights: bytes, answers: dict[str, NDArray[np.float32]]
) -> None:
    divided = changed(weights, divide_convolutions)

    for name, answer in answers_of(divided).items():
        assert np.array_equal(answer, answers[name]), name
    kinds = Counter(node.op_type for node in onnx.load_from_string(divided).graph.node)
    before = Counter(node.op_type for node in onnx.load_from_string(weights).graph.node)
    assert kinds["Conv"] - before["Conv"] == before["Split"] - kinds["Split"] == 8


def test_a_network_that_divides_no_convolution_stays_as_it_is() -> None:
    glance = hazards.SPEC.glance
    assert glance
    model = onnx.load_from_string(read_weights(glance.spec.weights))

    assert onnx.load_from_string(changed(model.SerializeToString(), divide_convolutions)) == model


def test_scores_stay_the_same_to_the_last_bit(
    weights: bytes, answers: dict[str, NDArray[np.float32]]
) -> None:
    for name, answer in answers_of(changed(weights, skip_boxes, ALL, 2.0)).items():
        assert np.array_equal(answer[:, 4:], answers[name][:, 4:]), name
        assert not answer[:, :4].any(), name


def test_boxes_are_those_of_the_network_where_something_is_found(
    weights: bytes, answers: dict[str, NDArray[np.float32]]
) -> None:
    for name, answer in answers_of(changed(weights, skip_boxes, ALL, -1.0)).items():
        np.testing.assert_allclose(answer, answers[name], atol=1e-3, err_msg=name)


def test_a_found_face_brings_boxes_and_a_picture_without_one_none(weights: bytes) -> None:
    found = answers_of(changed(weights, skip_boxes, FACES, nudity.MIN_REGION_SCORE))

    assert found["astronaut"][:, :4].any()
    assert not found["coffee"][:, :4].any()


def test_what_ships_finds_the_regions_of_the_unchanged_network(
    answers: dict[str, NDArray[np.float32]], weights: bytes
) -> None:
    adapted = answers_of(nudity.SPEC.adapt(weights))
    for name, image in photographs().items():
        _, placement = prepare(image, nudity.SPEC)
        ours = nudity.interpret([adapted[name]], placement)
        theirs = nudity.interpret([answers[name]], placement)

        assert ours.labels == theirs.labels
        assert [one.detector_class for one in ours.regions] == [
            one.detector_class for one in theirs.regions
        ]


def test_another_network_is_refused() -> None:
    with pytest.raises(WeightsError, match="NudeNet"):
        changed(read_weights(hazards.SPEC.weights), skip_boxes, ALL, 0.25)
