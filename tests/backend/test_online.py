import pytest
import torch

from tests.backend.conftest import CASES

BINNED = {"gini": 1e-3}  # what is counted in bins of log p
BINS = 16384  # the Gini index errs by a quarter of their width at most: 40 / BINS / 4 < 1e-3
QUERIES = torch.tensor([0, 1, 5, 16, 17, 40, 99, 100])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("keys", [1, 13, 64, 4096])
def test_agrees_with_rows_for_blocks_of_any_size(case, keys, reads, measured):
    read = reads(case)
    expected = measured("rows", read, QUERIES)
    found = measured("online", read, QUERIES, keys=keys, bins=BINS)
    assert {"entropy", "conc", "pr", "pmax", "gini", "sink_mass", "dist_ratio"} <= found.keys()
    for name, values in found.items():
        limit = BINNED.get(name, 1e-10)
        torch.testing.assert_close(
            values, expected[name], rtol=limit, atol=limit, equal_nan=True, msg=name
        )


def test_float32_scores_stay_within_the_stated_tolerances(reads, measured):
    exact = measured("rows", reads("rope"), QUERIES)
    found = measured("online", reads("rope", torch.float32), QUERIES, keys=13)
    for name in ("entropy", "pmax", "sink_mass", "gini"):
        torch.testing.assert_close(
            found[name], exact[name], rtol=0, atol=1e-3 if name in BINNED else 1e-4, equal_nan=True
        )
    torch.testing.assert_close(found["pr"], exact["pr"], rtol=1e-4, atol=0, equal_nan=True)
    far = {"rtol": 0, "atol": 1e-5 * 101}
    torch.testing.assert_close(found["dist_mean"], exact["dist_mean"], equal_nan=True, **far)
