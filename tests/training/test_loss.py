import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: make test-train installs it")

import torch

from worksafe.training.loss import masked_loss

pytestmark = pytest.mark.train


def test_unknown_targets_move_nothing() -> None:
    logits = torch.tensor([[3.0, -2.0]], requires_grad=True)
    weights = torch.tensor([[1.0, 0.0]])

    masked_loss(logits, torch.zeros(1, 2), weights).backward()

    assert logits.grad is not None
    assert logits.grad[0, 0] > 0
    assert logits.grad[0, 1] == 0
