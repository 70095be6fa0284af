"""What operators and callers choose among: settings, options of requests and of commands."""

from typing import Literal

Thorough = Literal["never", "uncertain", "always"]
Method = Literal["blur", "pixelate", "box"]
RuntimeChoice = Literal["auto", "onnxruntime", "openvino"]
DeviceChoice = Literal["auto", "cpu", "cuda"]
