import numpy as np
import pytest
from numpy.polynomial.legendre import Legendre
from scipy.integrate import quad_vec

from kexue_pipe.core.hippo import (
    legs,
    legs_normal,
    legs_product,
    legs_solve,
    legt,
    recall,
    remember,
    remember_window,
)


def _signal(length):
    t = np.arange(length) / length
    waves = [np.sin(2 * np.pi * f * t + f) / f for f in range(1, 6)]
    return np.sum(waves, axis=0)


def _projection(u, size):
    """The Legendre coefficients of a signal that is constant over each token."""
    edges = 2 * np.arange(len(u) + 1) / len(u) - 1
    basis = [Legendre.basis(n).integ() for n in range(size)]
    areas = np.stack([np.diff(b(edges)) for b in basis]) / 2  # (N, T)
    return np.sqrt(2 * np.arange(size) + 1) * (areas @ u)


def test_the_exact_memory_is_the_legendre_projection():
    """P14."""
    u = _signal(200)
    assert np.abs(remember(u, 16, exact=True) - _projection(u, 16)).max() < 1e-10


def test_bilinear_memory_is_close_and_gets_closer():
    errors = []
    for length in (100, 400):
        u = _signal(length)
        errors.append(np.abs(remember(u, 16, exact=False) - _projection(u, 16)).max())
    assert errors[1] < errors[0] < 0.1


def test_recall_gives_the_signal_back():
    u = _signal(400)
    s = (np.arange(400) + 0.5) / 400
    error = recall(remember(u, 32, exact=False), s) - u
    assert np.linalg.norm(error) < 0.001 * np.linalg.norm(u)
    few = recall(remember(u, 8, exact=False), s) - u
    assert np.linalg.norm(few) > 0.15 * np.linalg.norm(u)


@pytest.mark.parametrize("size", [1, 2, 9, 32])
def test_fast_products_and_solves_are_the_dense_ones(size):
    a, v = legs(size)[0], np.random.default_rng(0).normal(size=size)
    np.testing.assert_allclose(legs_product(v), a @ v, atol=1e-11)
    for step in (0.001, 0.3, 2.0):
        dense = np.linalg.solve(np.eye(size) - step * a, v)
        np.testing.assert_allclose(legs_solve(v, step), dense, atol=1e-11)


def test_eigenvalues_of_legs_are_whole():
    found = np.sort(np.linalg.eigvals(legs(12)[0]))
    np.testing.assert_allclose(found, -np.arange(12, 0, -1.0))


def test_the_normal_form_is_legs_in_another_basis():
    """Powers of A between B and B do not depend on the basis."""
    lam, p, b = legs_normal(8)
    lam, p, b = (np.concatenate((half, half.conj())) for half in (lam, p, b))
    matrix, (a, v) = np.diag(lam) - np.outer(p, p.conj()), legs(8)
    for power in range(8):
        ours = b.conj() @ np.linalg.matrix_power(matrix, power) @ b
        theirs = v @ np.linalg.matrix_power(a, power) @ v
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_a_window_is_recalled_and_what_is_before_it_forgotten():
    window, t = 200, np.arange(600)
    u = np.sin(2 * np.pi * t / 150) + 0.5 * np.cos(2 * np.pi * t / 90)
    s = (np.arange(window) + 0.5) / window
    x = remember_window(u, 16, window)
    assert np.linalg.norm(recall(x, s) - u[-window:]) < 1e-3 * np.linalg.norm(u[-window:])
    other = np.concatenate((np.random.default_rng(0).normal(size=200), u[200:]))
    assert np.abs(remember_window(other, 16, window) - x).max() < 0.1


def test_legt_forgets_at_the_far_end_of_the_window():
    """Its equation is the derivative of the projection of a window that moves."""
    size, window, t = 6, 2.0, 1.3
    root = np.sqrt(2 * np.arange(size) + 1)

    def coefficients(end):
        def integrand(s):
            basis = [Legendre.basis(n)(2 * s - 1) for n in range(size)]
            return root * np.array(basis) * (end - window * (1 - s)) ** 2

        return quad_vec(integrand, 0, 1)[0]

    a, b = legt(size, window)
    slope = (coefficients(t + 1e-5) - coefficients(t - 1e-5)) / 2e-5
    np.testing.assert_allclose(a @ coefficients(t) + b * t**2, slope, atol=1e-8)
