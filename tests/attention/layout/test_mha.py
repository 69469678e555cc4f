import torch

from kexue_pipe.attention.layout.mha import MultiHead


def test_heads_are_consecutive_rows_of_the_projections():
    layout = MultiHead(width=5, num_heads=3, head_width=2).double()
    x = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for part, projected in enumerate(layout.project(x)):
        for head in range(3):
            start = part * 6 + head * 2
            weight = layout.qkv.weight[start : start + 2]
            torch.testing.assert_close(projected[:, head], x @ weight.T)


def test_merge_adds_what_each_head_projects():
    layout = MultiHead(width=5, num_heads=3, head_width=2).double()
    mixed = torch.randn(2, 3, 7, 2, generator=torch.Generator().manual_seed(0)).double()
    parts = [mixed[:, h] @ layout.out.weight[:, 2 * h : 2 * h + 2].T for h in range(3)]
    torch.testing.assert_close(layout.merge(mixed), sum(parts))


def test_parameters_and_cache():
    layout = MultiHead(width=64, num_heads=4, head_width=16)
    # d h d_k + d g (d_k + d_v) + h d_v d = 3 * 64 * 64 + 64 * 64; cache g (d_k + d_v) = 4 * 32
    assert sum(p.numel() for p in layout.parameters()) == 16384
    assert layout.cache_elements_per_token() == 128
