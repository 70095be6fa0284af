"""Running models: pixels to scores."""

import os

# The official builds of ONNX Runtime (from 1.29) send telemetry to Microsoft and write a device
# identifier to disk. Both begin when the library is loaded, so it is told not to before that:
# this runs before any module of the package can import it. Two names, of different releases.
# https://github.com/microsoft/onnxruntime/pull/27379
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["ORT_TELEMETRY_DISABLED"] = "1"
