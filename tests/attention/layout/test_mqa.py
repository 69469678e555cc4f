import torch

from kexue_pipe.attention.layout.gqa import GroupedQuery
from kexue_pipe.attention.layout.mqa import MultiQuery


def _x():
    return torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_queries_differ_and_keys_and_values_are_shared():
    layout, x = MultiQuery(width=5, num_heads=3, head_width=2).double(), _x()
    q, k, v = layout.project(x)
    for head in range(3):
        rows = slice(2 * head, 2 * head + 2)
        torch.testing.assert_close(q[:, head], x @ layout.query.weight[rows].T)
        torch.testing.assert_close(k[:, head], x @ layout.key_value.weight[:2].T)
        torch.testing.assert_close(v[:, head], x @ layout.key_value.weight[2:].T)


def test_is_grouped_query_with_one_group():
    multi = MultiQuery(width=5, num_heads=4, head_width=2).double()
    grouped = GroupedQuery(width=5, num_heads=4, num_kv_heads=1, head_width=2).double()
    grouped.load_state_dict(multi.state_dict())
    for ours, theirs in zip(multi.project(_x()), grouped.project(_x()), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_parameters_and_cache():
    layout = MultiQuery(width=64, num_heads=4, head_width=16)
    assert sum(p.numel() for p in layout.parameters()) == 10240
    assert layout.cache_elements_per_token() == 32
