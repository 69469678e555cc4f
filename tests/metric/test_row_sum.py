import pytest
import torch

from kexue_pipe.metric.row_sum import row_sum


def test_softmax_rows_sum_to_one(measure, random_rows):
    torch.testing.assert_close(measure(row_sum, random_rows), torch.ones(7).double())


def test_signed_coefficients_keep_their_signs(measure):
    assert measure(row_sum, [[0.5, -0.2, 0.1]]).item() == pytest.approx(0.4)
    mask = torch.tensor([[True, True, False]])
    assert measure(row_sum, [[2.0, 3.0, 4.0]], mask).item() == 5.0
