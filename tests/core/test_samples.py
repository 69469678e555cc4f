"""Samples become batches field by field; a transduction scores the answer and its end only."""

import numpy as np
import pytest
import torch

from kexue_pipe.core.contracts import IGNORED
from kexue_pipe.core.samples import BOS, EOS, PAD, SEP, Sample, stack, transduction


def test_stacking_keeps_fields_that_there_are_and_their_order():
    rows = [Sample(np.arange(3) + i, np.arange(3) * i, grids=np.full((2, 3), i)) for i in range(4)]
    batch = stack(iter(rows))
    assert batch.lags is None
    for i, row in enumerate(rows):
        assert torch.equal(batch.inputs[i], torch.from_numpy(row.tokens))
        assert torch.equal(batch.targets[i], torch.from_numpy(row.labels))
        assert torch.equal(batch.grids[i], torch.from_numpy(row.grids))


@pytest.mark.parametrize("length", [7, 8, 12])
def test_transduction_is_framed_padded_and_scored_from_its_separator(length):
    tokens, labels = transduction(np.array([7, 8, 9]), np.array([5, 6]), length)
    whole = [BOS, 7, 8, 9, SEP, 5, 6, EOS] + [PAD] * 9
    assert tokens.tolist() == whole[:length]
    assert labels.tolist() == ([IGNORED] * 4 + [5, 6, EOS] + [IGNORED] * 9)[:length]


def test_transduction_that_does_not_fit_is_an_error():
    with pytest.raises(ValueError):
        transduction(np.array([7, 8, 9]), np.array([5, 6]), 6)
