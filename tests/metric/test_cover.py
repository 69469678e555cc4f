import torch

from kexue_pipe.metric.cover import cover


def test_endpoints(measure, uniform, one_hot):
    assert measure(cover, uniform, share=0.9).item() == 12  # 11.7 of 13 keys
    assert measure(cover, one_hot, share=0.9).item() == 1


def test_a_sum_that_equals_the_share_reaches_it(measure):
    assert measure(cover, torch.full((1, 10), 0.1), share=0.9).item() == 9


def test_equals_counting_from_the_largest(measure, random_rows):
    mass = random_rows.sort(-1, descending=True).values.cumsum(-1)
    expected = (mass < 0.9).sum(-1) + 1
    assert measure(cover, random_rows, share=0.9).tolist() == expected.tolist()
