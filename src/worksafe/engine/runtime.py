"""What runs the networks here: chosen once, by what is installed, by the processor, or by hand."""

import importlib.util
import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import onnxruntime

from worksafe.choices import DeviceChoice, RuntimeChoice
from worksafe.engine.session import OnnxSession, Session
from worksafe.errors import SettingsError
from worksafe.wording import how_to_install

RuntimeName = Literal["onnxruntime", "openvino"]
DeviceName = Literal["cpu", "cuda"]
Precision = Literal["f32", "bf16"]

_CPUINFO = Path("/proc/cpuinfo")
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
_ROUNDING_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
_CUDA_PROVIDER = "CUDAExecutionProvider"


@dataclass(frozen=True, slots=True)
class Runtime:
    """What runs networks, and why.

    Attributes
    ----------
    name : {"onnxruntime", "openvino"}
        The library.
    device : {"cpu", "cuda"}
        Where.
    precision : {"f32", "bf16"}
        Of its arithmetic, where a network is in float.
    why : str
        For people.
    """

    name: RuntimeName
    device: DeviceName = "cpu"
    precision: Precision = "f32"
    why: str = "chosen by hand"

    @property
    def key(self) -> str:
        """Tells results of this runtime from those of others, which differ a little."""
        return f"{self.name}-{self.device}-{self.precision}"


PORTABLE = Runtime("onnxruntime", why="it is always there")


@dataclass(frozen=True, slots=True)
class Machine:
    """What a choice depends on.

    Attributes
    ----------
    has_openvino, has_cuda : bool
        Whether OpenVINO, and onnxruntime with CUDA, are installed.
    has_bf16 : bool
        Whether the processor multiplies matrices in bfloat16.
    """

    has_openvino: bool
    has_cuda: bool
    has_bf16: bool


def look_at_machine() -> Machine:
    """Look at what is installed, and at the processor."""
    return Machine(
        has_openvino=importlib.util.find_spec("openvino") is not None,
        has_cuda=_CUDA_PROVIDER in onnxruntime.get_available_providers(),
        has_bf16=bool(_BF16_FLAGS & _processor_flags()),
    )


def describe_processor() -> str:
    """Name those of the processor's instructions by which networks round otherwise."""
    flags = _processor_flags()
    return ", ".join(flag for flag in _ROUNDING_FLAGS if flag in flags) or platform.machine()


def choose_runtime(name: RuntimeChoice, device: DeviceChoice, machine: Machine) -> Runtime:
    """Choose what runs networks.

    OpenVINO computes in bfloat16 where the processor can: nearly twice as fast, which is why it
    comes first there. Without bfloat16 it is hardly faster, takes longer to start and is another
    library, so onnxruntime, which is always there, stays.

    Parameters
    ----------
    name : {"auto", "onnxruntime", "openvino"}
        What the operator asks for.
    device : {"auto", "cpu", "cuda"}
        The same.
    machine : Machine
        What there is.

    Returns
    -------
    Runtime

    Raises
    ------
    SettingsError
        If something is asked for that is not there, or that does not go together: never another
        one in its place.
    """
    _refuse_what_is_absent(name, device, machine)
    if device == "cuda" or (device == "auto" and machine.has_cuda and name != "openvino"):
        why = "chosen by hand" if device == "cuda" else "onnxruntime has CUDA"
        return Runtime("onnxruntime", "cuda", why=why)
    if name == "auto":
        return _choose_for_processor(machine)
    if name == "openvino" and machine.has_bf16:
        return Runtime("openvino", precision="bf16")
    return Runtime(name)


def _refuse_what_is_absent(name: RuntimeChoice, device: DeviceChoice, machine: Machine) -> None:
    if device == "cuda" and name == "openvino":
        raise SettingsError("OpenVINO runs on the CPU here: WORKSAFE_DEVICE=cuda needs onnxruntime")
    if device == "cuda" and not machine.has_cuda:
        raise SettingsError(
            "WORKSAFE_DEVICE=cuda: this onnxruntime cannot; install onnxruntime-gpu in its place, "
            "or set cpu"
        )
    if name == "openvino" and not machine.has_openvino:
        msg = f"WORKSAFE_RUNTIME=openvino: it is not installed; {how_to_install('openvino')}"
        raise SettingsError(msg)


def _choose_for_processor(machine: Machine) -> Runtime:
    if not machine.has_bf16:
        return Runtime("onnxruntime", why="the processor has no bfloat16")
    if not machine.has_openvino:
        return Runtime("onnxruntime", why="OpenVINO, faster on this processor, is not installed")
    return Runtime("openvino", precision="bf16", why="the processor has bfloat16")


def open_session(
    model: bytes, runtime: Runtime, streams: int, *, eight_bits: bool = False
) -> Session:
    """Load a network.

    Parameters
    ----------
    model : bytes
        The ONNX file's content.
    runtime : Runtime
        What runs it.
    streams : int
        Runs at once at most, each on one thread.
    eight_bits : bool, optional
        Whether the network computes in eight bits. Libraries round these differently, by enough
        to change one decision in seventy: onnxruntime runs such networks whatever runs others.

    Returns
    -------
    Session
    """
    if runtime.name == "openvino" and not eight_bits:
        from worksafe.engine.openvino import OpenVinoSession  # noqa: PLC0415 - an extra

        return OpenVinoSession(model, runtime.precision, streams)
    return OnnxSession(model, runtime.device)


def _processor_flags() -> set[str]:
    """Read what the processor can do; nothing where the system does not say it this way."""
    try:
        found = re.search(r"^flags\s*:(.*)$", _CPUINFO.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return set()
    return set(found.group(1).split()) if found else set()
