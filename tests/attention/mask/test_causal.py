import torch

from kexue_pipe.attention.mask.causal import Causal


def test_a_token_sees_itself_and_the_past():
    visible = Causal().visible(torch.tensor([0, 2]), torch.arange(4))
    assert visible.tolist() == [[True, False, False, False], [True, True, True, False]]


def test_counts_are_those_of_the_visible_keys():
    queries = torch.tensor([0, 4, 9])
    visible = Causal().visible(queries, torch.arange(13))
    assert Causal().count(queries).tolist() == visible.sum(-1).tolist() == [1, 5, 10]


def test_all_keys_up_to_the_last_query_are_in_reach():
    assert Causal().reach(3, 7) == slice(0, 8)
    assert Causal().is_causal and Causal().keys_kept is None
