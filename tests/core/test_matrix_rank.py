import numpy as np
import pytest

from kexue_pipe.core.matrix_rank import averaging, ranks


def test_the_identity_has_full_rank_and_a_product_of_two_vectors_rank_one():
    both = np.stack([np.eye(7), np.outer(np.arange(1, 8), np.ones(7))])
    for found in ranks(both).values():
        assert found.tolist() == pytest.approx([7, 1])


def test_ranks_are_those_of_the_singular_values_whatever_the_scale():
    matrix = np.random.default_rng(0).normal(size=(3, 9, 9))
    sizes = np.linalg.svd(matrix, compute_uv=False)
    shares = sizes / sizes.sum(-1, keepdims=True)
    found = ranks(5 * matrix)
    assert found["erank"].tolist() == pytest.approx(np.exp(-(shares * np.log(shares)).sum(-1)))
    norms = np.linalg.norm(matrix, axis=(1, 2)) / np.linalg.norm(matrix, 2, axis=(1, 2))
    assert found["srank"].tolist() == pytest.approx(norms**2)


@pytest.mark.parametrize(("size", "erank", "srank"), [(64, 21.06, 1.86), (512, 70.5, 2.30)])
def test_averaging_has_the_ranks_that_are_known_of_it(size, erank, srank):
    found = ranks(averaging(size))
    assert found["erank"].item() == pytest.approx(erank, abs=0.05)
    assert found["srank"].item() == pytest.approx(srank, abs=0.005)


def test_a_matrix_of_zeros_or_with_nan_has_no_rank_and_harms_no_other():
    matrices = np.stack(3 * [np.eye(4)])
    matrices[0], matrices[1, 2, 1] = 0.0, np.nan
    for found in ranks(matrices).values():
        assert np.isnan(found).tolist() == [True, True, False]
