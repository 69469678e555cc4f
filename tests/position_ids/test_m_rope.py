import torch

from kexue_pipe.core.layouts import m_rope
from kexue_pipe.position_ids.m_rope import MRope

GRIDS = torch.tensor([[[2, 3, 4]], [[5, 2, 2]]])  # (B, G, 3) first token, height, width


def test_each_document_has_the_layout_of_its_own_grid():
    pos = MRope()(torch.arange(16), GRIDS, None)
    expected = [m_rope([(2,), (3, 4), (2,)]), m_rope([(5,), (2, 2), (7,)])]
    assert torch.equal(pos, torch.stack(expected, 1).float())


def test_training_and_test_ids_are_equal_and_text_counts_its_tokens():
    ids, index = MRope(), torch.arange(16)
    assert torch.equal(ids(index, GRIDS, torch.Generator()), ids(index, GRIDS, None))
    assert ids(index, None, None).tolist() == list(range(16))


def test_the_next_text_follows_the_largest_coordinate():
    pos = MRope()(torch.arange(16), GRIDS, None)[:, 0].tolist()
    assert pos[2] == [2, 2, 2] and pos[13] == [4, 5, 2]
    assert pos[14] == [6, 6, 6]
