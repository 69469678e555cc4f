import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from kexue_pipe.attention.layout.gqa import GroupedQuery
from kexue_pipe.attention.layout.mha import MultiHead


def _x():
    return torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def _layout(num_heads, num_kv_heads):
    torch.manual_seed(0)
    layout = GroupedQuery(width=5, num_heads=num_heads, num_kv_heads=num_kv_heads, head_width=2)
    return layout.double()


def test_a_group_for_every_head_is_multi_head():
    grouped, multi = _layout(3, 3), MultiHead(width=5, num_heads=3, head_width=2).double()
    weights = torch.cat((grouped.query.weight, grouped.key_value.weight)), grouped.out.weight
    multi.load_state_dict(dict(zip(("qkv.weight", "out.weight"), weights, strict=True)))
    for ours, theirs in zip(grouped.project(_x()), multi.project(_x()), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-15)


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_consecutive_heads_make_a_group_as_in_torch(groups):
    layout, x = _layout(6, groups), _x()
    q, k, v = layout.project(x)
    few = layout.key_value(x).view(2, 7, 2, groups, 2).permute(2, 0, 3, 1, 4)  # (2, B, G, T, D)
    expected = scaled_dot_product_attention(q, *few, is_causal=True, enable_gqa=True)
    mixed = scaled_dot_product_attention(q, k, v, is_causal=True)
    torch.testing.assert_close(mixed, expected, rtol=0, atol=1e-15)
    if groups == 2:
        assert torch.equal(k[:, 0], k[:, 2]) and not torch.equal(k[:, 2], k[:, 3])


def test_parameters_and_cache():
    layout = GroupedQuery(width=64, num_heads=4, num_kv_heads=2, head_width=16)
    assert sum(p.numel() for p in layout.parameters()) == 12288
    assert layout.cache_elements_per_token() == 64


def test_heads_that_do_not_split_into_groups_are_refused():
    with pytest.raises(ValueError, match="no multiple of 3 groups"):
        _layout(4, 3)
