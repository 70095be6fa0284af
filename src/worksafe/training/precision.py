"""Training computes in bfloat16 where the processor multiplies in it: nearly twice as fast there.

So do what is compared leaving sources out, frozen features as well. Weights, their changes, the
validation of a run and the exported network stay in float32.
"""

import functools

import torch

from worksafe.engine.runtime import look_at_machine


def fast_precision() -> torch.autocast:
    """Return the context in which a training step's forward pass is to be computed."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=_has_bf16())


@functools.cache
def _has_bf16() -> bool:
    return look_at_machine().has_bf16
