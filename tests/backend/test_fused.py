import pytest
import torch

from kexue_pipe.backend.fused import fused
from tests.backend.conftest import CASES, CAUSAL

QUERIES = torch.tensor([0, 1, 5, 16, 17, 40, 99, 100])


@pytest.mark.parametrize("case", CAUSAL)
def test_agrees_with_rows(case, reads, measured):
    expected = measured("rows", reads(case), QUERIES)
    found = measured("fused", reads(case), QUERIES)
    assert {"entropy", "conc", "n_eff", "pr", "s12", "hoyer", "grad_gain"} <= found.keys()
    assert {"dist_mean", "dist_ratio", "sink_mass"} <= found.keys() and "gini" not in found
    for name, values in found.items():
        torch.testing.assert_close(
            values, expected[name], rtol=1e-10, atol=1e-10, equal_nan=True, msg=name
        )


@pytest.mark.parametrize("case", sorted(CASES.keys() - set(CAUSAL)))
def test_other_masks_and_scores_are_refused_with_a_remedy(case, reads):
    with pytest.raises(ValueError, match="take backend=online"):
        next(fused(*reads(case), QUERIES))
