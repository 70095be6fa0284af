"""What a result depends on beside the image: code that decodes and scores, ours and others'."""

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = ("images", "models", "engine")
_SUFFIXES = frozenset({".py", ".json"})  # weights are known by their hashes, which stand in these
_LIBRARIES = (
    "av", "numpy", "onnx", "onnxruntime", "onnxruntime-gpu", "openvino", "pi-heif", "pillow",
)  # fmt: skip


@cache
def provenance(package: Path = _PACKAGE) -> str:
    """Return a fingerprint of this code: other code may decode or calibrate otherwise.

    A version does not: it stays the same from one commit to the next, and what an old decoder let
    pass would be answered long after it was mended.

    Parameters
    ----------
    package : Path, optional
        The folder of the installed package.

    Returns
    -------
    str
        Hexadecimal; worked out once.
    """
    everything = hashlib.sha256(repr([_version(name) for name in _LIBRARIES]).encode())
    for folder in _FOLDERS:
        for path in sorted((package / folder).rglob("*")):
            if path.suffix in _SUFFIXES:
                everything.update(path.relative_to(package).as_posix().encode())
                everything.update(hashlib.sha256(path.read_bytes()).digest())
    return everything.hexdigest()


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
