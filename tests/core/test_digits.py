"""Joint codes: mixed radix by hand, and whole numbers beyond the exact range of float32."""

import torch

from kexue_pipe.core.digits import joint, root, split


def test_first_digit_is_the_fastest():
    digits = [torch.tensor([3]), torch.tensor([2]), torch.tensor([4])]
    assert joint(digits, (8, 6, 5)).tolist() == [3 + 8 * 2 + 8 * 6 * 4]


def test_digits_come_back_beyond_float32():
    sizes = (4096, 4096, 4)
    digits = [torch.tensor([4095, 1]), torch.tensor([4095, 0]), torch.tensor([3, 2])]
    index = joint(digits, sizes)
    assert index.tolist() == [2**26 - 1, 2**25 + 1]  # 2^25 + 1 is no float32
    assert all(torch.equal(*pair) for pair in zip(split(index, sizes), digits, strict=True))


def test_roots_are_whole_or_none():
    assert (root(4096, 2), root(4096, 3), root(16, 1)) == (64, 16, 16)
    assert root(256, 3) is None and root(2, 2) is None
