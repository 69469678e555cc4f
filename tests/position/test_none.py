import torch

from kexue_pipe.position.none import NoPosition


def _uniform(x):
    """Causal attention with all scores equal, (T, C) -> (T, C)."""
    return x.cumsum(0) / torch.arange(1, len(x) + 1, dtype=x.dtype)[:, None]


def _layer(x, queries):
    """One causal softmax layer without positions: keys and values are the tokens."""
    q, k = NoPosition().rotate((x @ queries)[None, None], x[None, None], *[torch.arange(7.0)] * 2)
    scores = (q @ k.mT)[0, 0].masked_fill(torch.ones(7, 7).triu(1) > 0, -torch.inf)
    return x + scores.softmax(-1) @ x


def _swapped_prefix():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(7, 5, generator=generator, dtype=torch.float64)
    queries = torch.randn(5, 5, generator=generator, dtype=torch.float64)
    return x, x[[3, 1, 0, 5, 2, 4, 6]], queries


def test_every_hook_is_the_identity():
    x, q, pos = torch.randn(2, 7, 5), torch.randn(2, 3, 7, 4), torch.arange(7.0)
    none = NoPosition()
    assert none.embed(x, pos) is x
    assert none.rotate(q, q, pos, pos) == (q, q)
    assert none.bias(q, pos, pos) is None and none.scores(q, q, pos, pos) is None


def test_variance_of_uniform_attention_falls_as_one_over_n():
    x = torch.randn(64, 20_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    n = torch.arange(1, 65)
    product = n * _uniform(x).square().mean(1)
    # relative deviation of a mean of 20 000 squares: sqrt(2 / 20 000) = 0.01; 64 of them
    assert (product - 1).abs().max() < 0.05


def test_one_layer_does_not_see_the_order_of_the_prefix_and_two_do():
    x, swapped, queries = _swapped_prefix()
    one, one_swapped = _layer(x, queries), _layer(swapped, queries)
    torch.testing.assert_close(one[-1], one_swapped[-1], rtol=0, atol=1e-12)
    two, two_swapped = _layer(one, queries), _layer(one_swapped, queries)
    assert (two[-1] - two_swapped[-1]).abs().max() > 1e-3


def test_equal_tokens_are_equal_everywhere_unless_the_first_differs():
    _, _, queries = _swapped_prefix()
    equal = torch.full((7, 5), 0.3, dtype=torch.float64)
    assert _layer(equal, queries).std(0).max() < 1e-12
    equal[0] = 1.0
    assert _layer(equal, queries)[1:].std(0).min() > 1e-3
