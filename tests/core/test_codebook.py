"""A table of codes: its start, its running counts, and restarts."""

import pytest
import torch

from kexue_pipe.core.codebook import DATA_NOISE, Codebook

K, D, N = 11, 5, 97


def build(init="normal", K=K, threshold=0.5, trained=False):
    book = Codebook(K=K, D=D, init=init, trained=trained, decay=0.9, threshold=threshold)
    book.initialise(draws(0))
    return book.double()


def latents(seed=1, n=N):
    return torch.randn(n, D, generator=draws(seed), dtype=torch.float64)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def test_init_sets_the_length_of_the_rows():
    uniform = build("uniform").rows
    assert 0.8 / K < uniform.abs().max() <= 1 / K
    norms = build(K=4001).rows.square().sum(1)
    assert norms.mean().item() == pytest.approx(1.0, rel=0.05)


def test_data_init_takes_different_latents_of_the_first_batch_once():
    book, z = build("data"), latents()
    book.start(z, draws(3))
    rows = book.rows.clone()
    distance, chosen = torch.cdist(rows, z).min(1)
    assert (distance < 6 * DATA_NOISE * D**0.5).all() and len(chosen.unique()) == K
    book.start(latents(4), draws())
    assert torch.equal(book.rows, rows)


def test_data_init_repeats_latents_of_a_batch_that_is_too_small():
    book, z = build("data"), latents(n=3)
    book.start(z, draws())
    chosen = torch.cdist(book.rows, z).argmin(1)
    assert sorted(chosen.bincount().tolist()) == [3, 4, 4]
    assert len(book.rows.unique(dim=0)) == K


def test_kmeans_init_ends_near_the_means_of_separate_clusters():
    centres = 10 * latents(n=3)
    z = centres.repeat(50, 1) + 0.1 * latents(2, 150)
    book = build("kmeans", K=3)
    book.start(z, draws(1))  # one latent of each cluster, which Lloyd's steps then average
    means = torch.stack([z[k::3].mean(0) for k in range(3)])
    distance, owner = torch.cdist(book.rows, means).min(1)
    assert owner.sort().values.tolist() == [0, 1, 2] and distance.max() < 1e-9


def test_other_inits_ignore_the_data():
    book = build("uniform")
    rows = book.rows.clone()
    book.start(latents(), draws())
    assert torch.equal(book.rows, rows)


def test_counts_are_moving_averages_from_one():
    book = build()
    book.count(torch.tensor([2, 2, 5]))
    expected = torch.full((K,), 0.9, dtype=torch.float64)
    expected[2], expected[5] = 0.9 + 0.1 * 2, 0.9 + 0.1
    torch.testing.assert_close(book.counts, expected)


def test_dead_rows_become_different_latents_and_live_ones_stay():
    book, z = build(trained=True), latents()
    book.counts.fill_(N / K)
    book.counts[[3, 7]] = 0.49 * N / K  # below tau N / K
    book.counts[4] = 0.51 * N / K
    before = book.rows.detach().clone()
    assert book.restart(z, draws(), progress=0.0) == {"dead": 2 / K, "restarts": 2.0}
    changed = (book.rows != before).any(1).nonzero()[:, 0].tolist()
    assert changed == [3, 7]
    found = (book.rows.detach()[changed, None] == z).all(2).nonzero()[:, 1]
    assert len(found.unique()) == 2
    assert (book.counts[changed] == N / K).all() and book.counts[4] == 0.51 * N / K


def test_one_step_restarts_at_most_as_many_rows_as_there_are_latents():
    book, z = build(threshold=0.9), latents(n=4)
    book.counts.zero_()
    assert book.restart(z, draws(), progress=0.0)["restarts"] == 4
    assert len(book.rows[:4].unique(dim=0)) == 4


@pytest.mark.parametrize(("progress", "restarts"), [(0.89, K), (0.9, 0), (1.0, 0)])
def test_the_last_tenth_of_the_training_restarts_nothing(progress, restarts):
    book = build()
    book.counts.zero_()
    assert book.restart(latents(), draws(), progress) == {"dead": 1.0, "restarts": restarts}


def test_threshold_zero_never_restarts_and_says_what_is_dead():
    book = build(threshold=0.0)
    book.counts.zero_()
    before = book.rows.clone()
    assert book.restart(latents(), draws(), 0.0) == {"dead": 1.0, "restarts": 0.0}
    assert torch.equal(book.rows, before)


def test_what_is_logged_has_its_names():
    book = build()
    stats = book.count(torch.zeros(N, dtype=torch.int64)) | book.restart(latents(), draws(), 0.0)
    assert tuple(stats) == book.logged == ("used", "perplexity", "dead", "restarts")


def test_unknown_init_is_named():
    with pytest.raises(ValueError, match="init=zeros is none of normal, uniform, data, kmeans"):
        build("zeros")
