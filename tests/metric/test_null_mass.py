import torch

from kexue_pipe.metric.null_mass import null_mass


def test_softmax_has_none(measure, random_rows):
    assert measure(null_mass, random_rows).abs().max() < 1e-12


def test_softmax_with_a_one_in_the_sum(measure):
    # exp(s) / (1 + sum exp(s)) leaves 1 / (1 + sum exp(s)) on no key
    scores = torch.tensor([[0.5, -1.0, 2.0]], dtype=torch.float64)
    total = 1 + scores.exp().sum()
    value = measure(null_mass, scores.exp() / total)
    torch.testing.assert_close(value, total.reciprocal()[None], rtol=0, atol=1e-12)


def test_grouping_identity_of_entropy(measure, random_rows):
    # H(row with its null mass) = h(null) + (1 - null) H(renormalised row)
    full = measure(null_mass, random_rows[:, 1:])
    h = torch.special.entr(full) + torch.special.entr(1 - full)
    rest = torch.special.entr(random_rows[:, 1:] / (1 - full[:, None])).sum(-1)
    whole = torch.special.entr(random_rows).sum(-1)
    torch.testing.assert_close(h + (1 - full) * rest, whole, rtol=0, atol=1e-12)


def test_signed_and_unnormalised_rows_have_no_null_mass(measure):
    assert measure(null_mass, [[0.5, -0.2, 0.1], [2.0, 3.0, 4.0]]).isnan().all()
