import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pictures import encode, photo, photographs
from worksafe import Moderator, Settings
from worksafe.choices import DeviceChoice, RuntimeChoice
from worksafe.cli.main import app
from worksafe.engine.detector import Look, load_detectors
from worksafe.engine.runtime import (
    Machine,
    Runtime,
    choose_runtime,
    look_at_machine,
    open_session,
)
from worksafe.errors import SettingsError
from worksafe.models import hazards, nudity
from worksafe.models.registry import DETECTORS
from worksafe.models.weights import read_weights

PLAIN = Machine(has_openvino=False, has_cuda=False, has_bf16=False)
BOTH = Machine(has_openvino=True, has_cuda=False, has_bf16=False)
BF16 = Machine(has_openvino=True, has_cuda=False, has_bf16=True)
BF16_ALONE = Machine(has_openvino=False, has_cuda=False, has_bf16=True)
CUDA = Machine(has_openvino=True, has_cuda=True, has_bf16=True)


@pytest.mark.parametrize(
    ("machine", "name", "device", "chosen"),
    [
        (PLAIN, "auto", "auto", "onnxruntime-cpu-f32"),
        (BOTH, "auto", "auto", "onnxruntime-cpu-f32"),
        (BF16, "auto", "auto", "openvino-cpu-bf16"),
        (BF16_ALONE, "auto", "auto", "onnxruntime-cpu-f32"),
        (CUDA, "auto", "auto", "onnxruntime-cuda-f32"),
        (CUDA, "auto", "cpu", "openvino-cpu-bf16"),
        (CUDA, "onnxruntime", "cpu", "onnxruntime-cpu-f32"),
        (CUDA, "onnxruntime", "cuda", "onnxruntime-cuda-f32"),
        (CUDA, "openvino", "auto", "openvino-cpu-bf16"),
        (BOTH, "openvino", "auto", "openvino-cpu-f32"),
        (BF16, "onnxruntime", "auto", "onnxruntime-cpu-f32"),
    ],
)
def test_what_is_chosen(
    machine: Machine, name: RuntimeChoice, device: DeviceChoice, chosen: str
) -> None:
    runtime = choose_runtime(name, device, machine)

    assert runtime.key == chosen


@pytest.mark.parametrize(
    ("machine", "name", "device"),
    [(PLAIN, "openvino", "auto"), (BF16, "auto", "cuda"), (CUDA, "openvino", "cuda")],
)
def test_what_is_asked_for_and_not_there_is_an_error_and_nothing_else_instead(
    machine: Machine, name: RuntimeChoice, device: DeviceChoice
) -> None:
    with pytest.raises(SettingsError):
        choose_runtime(name, device, machine)


def test_the_doctor_says_what_is_used_and_why() -> None:
    output = CliRunner().invoke(app, ["doctor"]).output

    used = choose_runtime("auto", "auto", look_at_machine())
    assert f"{used.name} on {used.device}" in " ".join(output.split())
    assert used.why in " ".join(output.split())


def test_openvino_says_what_onnxruntime_says() -> None:
    pytest.importorskip("openvino")
    reference = load_detectors(DETECTORS)
    others = load_detectors(DETECTORS, Runtime("openvino"), 2)

    for pixels in photographs().values():
        for one, other in zip(reference, others, strict=True):
            expected, found = one.score(pixels).labels, other.score(pixels).labels
            assert found == pytest.approx(expected, abs=2e-3)


def test_what_is_in_eight_bits_says_the_same_whatever_runs_the_rest() -> None:
    pytest.importorskip("openvino")
    (reference,) = load_detectors([hazards.SPEC])
    (other,) = load_detectors([hazards.SPEC], Runtime("openvino"))

    for look in (Look("never"), Look("always")):
        for pixels in photographs().values():
            assert other.score(pixels, look).labels == reference.score(pixels, look).labels


def test_runs_at_once_of_different_shapes_do_not_disturb_each_other() -> None:
    pytest.importorskip("openvino")
    weights = read_weights(nudity.SPEC.weights)
    session = open_session(weights, Runtime("openvino"), 2)
    reference = open_session(weights, Runtime("onnxruntime"), 2)
    rng = np.random.default_rng(0)
    planes = [rng.random((1, 3, 32 * rows, 320), dtype=np.float32) for rows in (4, 6, 8, 10) * 3]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda one: session.run(one, ["output0"])[0], planes))

    for one, result in zip(planes, found, strict=True):
        np.testing.assert_allclose(result, reference.run(one, ["output0"])[0], atol=0.05, rtol=1e-3)


# Threads that run a network for the first time, all at once, where Python changes threads whenever
# it may.
FIRST_RUNS = """
import sys, threading
import numpy as np
from worksafe.engine.runtime import Runtime, open_session
from worksafe.models import hazards
from worksafe.models.weights import read_weights

session = open_session(read_weights(hazards.SPEC.glance.spec.weights), Runtime("openvino"), 4)
planes = np.zeros((1, 3, 128, 128), np.float32)
sys.setswitchinterval(1e-6)
start = threading.Barrier(5)

def run():
    start.wait()
    session.run(planes, ["logits"])

threads = [threading.Thread(target=run) for _ in range(4)]
for thread in threads:
    thread.start()
start.wait()
while any(thread.is_alive() for thread in threads):
    pass
"""


def test_first_runs_at_once_do_not_wait_for_each_other_for_ever() -> None:
    pytest.importorskip("openvino")

    for _ in range(4):  # two of three such programs hung
        subprocess.run([sys.executable, "-c", FIRST_RUNS], check=True, timeout=60)


def test_loading_openvino_reports_nothing_and_writes_nothing(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    program = (
        "import sys, worksafe.engine.openvino;"
        "sys.exit(any('telemetry' in name for name in sys.modules))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "HOME": str(tmp_path)},
        cwd=tmp_path,
        check=False,
    )

    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_moderator_runs_on_what_was_chosen() -> None:
    pytest.importorskip("openvino")
    made = Moderator(Settings(runtime="openvino", cache_entries=0))
    plain = Moderator(Settings(runtime="onnxruntime", cache_entries=0))
    picture = encode(photo("cat"))

    results = made.check(picture), plain.check(picture)

    assert made.runtime.name == "openvino"
    assert results[0].decision is results[1].decision
    for moderator in (made, plain):
        moderator.close()
