"""Rows sorted by numpy are those that PyTorch sorts."""

import pytest
import torch

from kexue_pipe.core.sorting import descending


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1,), (3, 7), (2, 3, 130)])
def test_rows_are_those_of_torch(shape, dtype):
    rows = torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(0))
    rows[..., ::2] = -1.0  # ties
    rows[..., -1] = torch.inf
    assert torch.equal(descending(rows), rows.sort(descending=True).values)


def test_no_gradient_passes():
    assert not descending(torch.ones(2, 3, requires_grad=True)).requires_grad
