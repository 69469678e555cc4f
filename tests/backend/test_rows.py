import torch

from kexue_pipe.core.share import share


def test_rows_do_not_depend_on_what_else_is_asked(reads, measured):
    every = measured("rows", reads("rope"), torch.arange(101))
    some = measured("rows", reads("rope"), torch.tensor([7, 64, 100]))
    for name, values in some.items():
        expected = every[name][..., [7, 64, 100]]
        # products of other shapes round differently; this law divides that by spreads of 1e-5
        atol = 1e-10 if name == "noise_law" else 1e-12
        torch.testing.assert_close(values, expected, rtol=0, atol=atol, equal_nan=True)


def test_statistics_are_those_of_a_dense_matrix(reads, measured):
    attention, x, pos, position = reads("rope")
    found = measured("rows", (attention, x, pos, position), torch.arange(101))
    q, k, _ = attention.products(x, pos, position)
    p = (q @ k.mT).masked_fill(~torch.ones(101, 101).tril().bool(), -torch.inf).softmax(-1)
    H = torch.special.entr(p).sum(-1)
    torch.testing.assert_close(found["entropy"][..., 1:], H[..., 1:], rtol=0, atol=1e-10)


def test_shifting_all_scores_of_a_row_changes_nothing(reads, measured):
    attention, x, pos, position = reads("rope")
    before = measured("rows", (attention, x, pos, position), torch.arange(101))

    class Shifted(type(position)):
        def bias(self, q, pos_q, pos_k):
            return torch.full((1, 1, 1, 1), 1e4, dtype=torch.float64)

    position = share(position)
    position.__class__ = Shifted
    after = measured("rows", (attention, x, pos, position), torch.arange(101))
    for name in before:
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-7, equal_nan=True)
