import pytest
import torch

from kexue_pipe.core.contracts import RowBlock
from kexue_pipe.metric.output_power import output_power


def _block(weights, values, mask=None):
    weights = torch.as_tensor(weights, dtype=torch.float64)[None, None]
    if mask is None:
        mask = torch.ones(weights.shape[-2:], dtype=torch.bool)
    queries = torch.full((weights.shape[-2],), weights.shape[-1] - 1)
    return RowBlock(queries, mask, weights, values[None, None].float(), row_stochastic=True)


def test_power_by_hand():
    # 0.25 (2, 0) + 0.75 (0, 4) = (0.5, 3): (0.25 + 9) / 2
    values = torch.tensor([[2.0, 0.0], [0.0, 4.0]])
    assert output_power(_block([[0.25, 0.75]], values)).item() == pytest.approx(4.625)


def test_uniform_rows_over_independent_values_follow_one_over_length():
    lengths = torch.tensor([16, 64, 256, 1024])
    values = torch.randn(1024, 4096, generator=torch.Generator().manual_seed(0))
    mask = torch.arange(1024) < lengths[:, None]
    power = output_power(_block(mask / lengths[:, None], values, mask))[0, 0]
    assert (power * lengths).tolist() == pytest.approx([1.0] * 4, abs=0.1)


def test_signed_coefficients_are_applied_as_they_are():
    values = torch.ones(2, 3)
    assert output_power(_block([[0.5, -0.5]], values)).item() == 0.0


def test_masked_keys_and_single_keys():
    values = torch.ones(3, 2)
    mask = torch.tensor([[True, True, False], [True, False, False]])
    power = output_power(_block([[0.5, 0.5, torch.nan], [1.0, 0.0, 0.0]], values, mask))[0, 0]
    assert power[0] == 1.0 and power[1].isnan()
