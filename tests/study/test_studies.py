"""Facts that the studies must reproduce, each known from elsewhere."""

import numpy as np
import pytest
from scipy.special import erf

from kexue_pipe.study import (
    bound_memory,
    bounded_scores,
    causal_rank,
    code_entropy,
    concentration,
    entropy_growth,
    gradient_scale,
    laplace_top_one,
    lossless_tokens,
    rope_base,
    score_noise,
    tied_head,
    transfer_function,
    variance_law,
)
from kexue_pipe.study import johnson_lindenstrauss as jl
from kexue_pipe.study import sparsity_axioms as axioms


def test_projections_keep_distances_above_the_sharp_constant_only() -> None:
    assert np.mean(jl.kept(128, constant=16.0, error=0.5, draws=5)) == 1.0
    assert np.mean(jl.kept(128, constant=2.0, error=0.5, draws=5)) == 0.0


def test_own_mass_follows_its_closed_form() -> None:
    # half of the mass at d = 1.6 log N without a scale: 1 / (1 + N e^(-.6226 d))
    found = np.mean(jl.own_mass(500, constant=2.0, power=0.0, draws=3))
    width = int(np.ceil(2.0 * np.log(500)))
    assert found == pytest.approx(1 / (1 + 500 * np.exp(-0.6226 * width)), abs=0.05)


@pytest.mark.parametrize(("largest", "equal"), [(0.3, True), (0.5, True), (0.9, False)])
def test_the_laplace_operator_is_softmax_up_to_one_half(largest: float, equal: bool) -> None:
    assert (laplace_top_one.gap(largest, 6) < 1e-9) == equal


@pytest.mark.parametrize("axiom", axioms.AXIOMS)
def test_gini_breaks_no_axiom(axiom: str) -> None:
    assert axioms.violations("gini", axiom, 50) == 0


def test_measures_without_the_length_break_cloning() -> None:
    assert axioms.violations("l1_l2", "cloning", 20) == 20
    assert axioms.violations("hoyer", "cloning", 20) == 20
    assert axioms.violations("l1_l2", "rising_tide", 50) == 0


def test_the_first_loss_of_a_tied_head_is_that_of_the_formula() -> None:
    width, vocabulary, sigma = 64, 512, 1 / 8
    loss = np.mean(tied_head.excess(width, vocabulary, sigma, 3)) + np.log(vocabulary)
    own = np.exp(width * sigma)
    assert loss == pytest.approx(np.log(own + vocabulary * np.exp(width * sigma**2 / 2)), abs=0.3)


def test_the_smallest_base_of_a_thousand_tokens_is_the_published_one() -> None:
    assert rope_base.log_ratio(128, 1000, 4300.0, per_decade=100) == pytest.approx(0, abs=0.05)


def test_means_of_independent_values_lose_power_as_one_over_n() -> None:
    assert np.mean(variance_law.slope(256, 64, 5)) == pytest.approx(-1, abs=0.1)


def test_entropy_of_random_scores_follows_the_gaussian_law() -> None:
    # H = log n - a(n)^2 / 2: 1 without a scale, 0 with the root of log n
    found = {s: np.mean(entropy_growth.slope(s, 512, 4096, 2)) for s in entropy_growth.SCALES}
    assert found["rsqrt"] == pytest.approx(1, abs=0.05)
    assert found["sqrtlogn"] == pytest.approx(0, abs=0.15) and 0.6 < found["logn"] < 0.95


def test_the_plug_in_entropy_is_low_by_millers_term() -> None:
    found = np.mean(code_entropy.bias(256, 8.0, 10))
    assert found == pytest.approx(-255 / (2 * 8 * 256 * np.log(2)), rel=0.15)


def test_the_effective_rank_of_nothing_but_means_is_that_of_its_singular_values() -> None:
    assert causal_rank.share(1) == 1.0 and 0.0 < causal_rank.share(64) < 1.0


def test_rebound_keys_are_kept_by_the_delta_rule_alone() -> None:
    assert np.mean(bound_memory.lead(8, 32, rebind=True, draws=10)) > 0.3
    assert abs(np.mean(bound_memory.lead(4, 32, rebind=False, draws=10))) < 0.1


def test_bits_of_a_lossless_token() -> None:
    assert lossless_tokens.bits(64, 3.0, 1024) == 36.0


def test_noise_of_no_size_changes_nothing() -> None:
    assert score_noise.lead(64, 10.0, noise=0.0, relative=False, draws=1) == [0.0]
    assert np.mean(score_noise.lead(256, 30.0, noise=0.25, relative=False, draws=2)) > 0.05


@pytest.mark.parametrize(("bound", "least"), [(1, 5.764), (2, 4.569), (4, 1.329), (6, 0.041)])
def test_no_bounded_scores_leave_less_entropy(bound: float, least: float) -> None:
    assert np.log(512) - bounded_scores.loss(bound, 512) == pytest.approx(least, abs=1e-3)
    scores = np.random.default_rng(0).uniform(-bound, bound, (1000, 512))
    scores[::2] = np.sign(scores[::2]) * bound
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    assert -(weights * np.log(weights)).sum(-1).min() >= least - 1e-3


@pytest.mark.parametrize(("feature", "grows"), [("elu1", 0.037), ("relu", 0.24), ("identity", 0.0)])
def test_wider_features_are_not_sparser(feature: str, grows: float) -> None:
    found = np.mean(concentration.widening(feature, 8, 512, 1024, draws=20))
    assert found == pytest.approx(grows, abs=0.025)


@pytest.mark.parametrize(("num_keys", "ratio"), [(128, 0.305), (1024, 0.238), (16384, 0.169)])
def test_softmax_rows_reach_the_law_of_the_post_slowly(num_keys: int, ratio: float) -> None:
    found = np.mean(concentration.scored("exp", 0.0, 2.0, num_keys, draws=50))
    assert found == pytest.approx(ratio, abs=0.04) and found > np.exp(-2)
    assert np.mean(concentration.scored("exp", 0.0, 0.5, num_keys, draws=50)) == pytest.approx(
        np.exp(-1 / 8), abs=0.01
    )


@pytest.mark.parametrize(
    ("beta", "gamma", "ratio"), [(1, 1.5, 0.5491), (-2, 1, 0.0720), (0, 3, 6**-0.5)]
)
def test_squared_relu_follows_the_formula_of_the_post(beta, gamma, ratio) -> None:
    t, half = beta**2 / (2 * gamma**2), 1 + erf(beta / (gamma * 2**0.5))
    root, first = np.pi**0.5, 2**0.5 * beta * gamma * np.exp(-t)
    fourth = beta**4 + 6 * beta**2 * gamma**2 + 3 * gamma**4
    mean = first + root * (beta**2 + gamma**2) * half
    square = 2 * first * (beta**2 + 5 * gamma**2) + 2 * root * fourth * half
    law = mean / np.pi**0.25 / square**0.5
    assert law == pytest.approx(ratio, abs=1e-4)
    found = np.mean(concentration.scored("relu2", beta, gamma, 100_000, draws=3))
    assert found == pytest.approx(law, rel=0.05)


@pytest.mark.parametrize("beta", [-2.0, 0.0, 1.0])
def test_products_are_nowhere_sparser_than_gaussian_scores(beta) -> None:
    found = np.mean(concentration.scored("identity", beta, 1.0, 10_000, draws=5))
    t = beta**2 / 2
    law = (2 / np.pi) ** 0.5 * np.exp(-t) + beta * erf(beta / 2**0.5)
    assert found == pytest.approx(law / (1 + beta**2) ** 0.5, abs=0.01)
    assert found > (2 / np.pi) ** 0.5 - 0.01


@pytest.mark.parametrize(("rate", "num_keys"), [(0.9, 100), (0.99, 1024), (0.5, 1)])
def test_a_decay_alone_is_sparse(rate, num_keys) -> None:
    power = rate**num_keys
    law = ((1 - power) * (1 + rate) / (num_keys * (1 - rate) * (1 + power))) ** 0.5
    assert concentration.decayed(rate, num_keys) == pytest.approx(law, abs=1e-12)


def test_rows_of_favor_are_less_even_than_those_of_softmax() -> None:
    assert np.mean(concentration.favor(32, 512, draws=5)) < -0.1


def test_training_can_use_what_gained_cosines_start_with() -> None:
    cosines, gained = (bounded_scores.start(b, 512, 32, draws=5) for b in (1.0, 22.0))
    assert np.mean(cosines) == pytest.approx(0.4745 - 1 / 64, abs=0.01)  # variance / 2 is lost
    assert min(gained) > 1.0


@pytest.mark.parametrize(("num_keys", "scale"), [(512, 2.01), (4096, 2.41), (32768, 2.76)])
def test_the_gradient_is_largest_far_beyond_the_estimate_of_the_post(num_keys, scale) -> None:
    assert gradient_scale.estimated(num_keys) == pytest.approx(scale, abs=0.01)
    assert min(gradient_scale.doubling(num_keys, draws=2)) > 0


def test_the_peak_is_where_the_gradient_is_largest() -> None:
    scale = gradient_scale.estimated(256) + gradient_scale.peak(256, draws=1)[0]
    z = np.random.default_rng(0).normal(size=(16, 256))
    grid = np.linspace(0.5, 10, 400)
    passed = [a * (1 - ((np.exp(a * z).T / np.exp(a * z).sum(1)) ** 2).sum(0)).mean() for a in grid]
    assert scale == pytest.approx(grid[np.argmax(passed)], abs=0.05)


def test_a_transfer_function_is_itself_at_its_own_length_only() -> None:
    poles = [0.99, 0.97, -0.9]
    assert max(transfer_function.change(poles, 64, 1, draws=3)) < 1e-9
    # one pole: b = c (1 - p^L) shrinks the whole response by p^L
    assert transfer_function.change([0.99], 64, 8, 2) == pytest.approx([0.99**64] * 2, abs=0.01)


def test_linear_attention_starts_with_the_rank_of_averaging_and_softmax_with_more() -> None:
    assert [causal_rank.share(n) * n for n in (64, 512)] == pytest.approx([21.06, 70.5], abs=0.01)
    assert np.mean(causal_rank.above("elu1", 64, 16, draws=3)) == pytest.approx(1, abs=0.05)
    assert min(causal_rank.above("softmax", 64, 16, draws=3)) > 1.3
