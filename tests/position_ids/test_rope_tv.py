import torch

from kexue_pipe.core.layouts import tv
from kexue_pipe.position_ids.rope_tv import RopeTv

GRIDS = torch.tensor([[[2, 3, 4]], [[5, 2, 2]]])  # (B, G, 3) first token, height, width


def test_each_document_has_the_layout_of_its_own_grid():
    pos = RopeTv()(torch.arange(16), GRIDS, None)
    expected = [tv([(2,), (3, 4), (2,)]), tv([(5,), (2, 2), (7,)])]
    assert torch.equal(pos, torch.stack(expected, 1).float())


def test_training_and_test_ids_are_equal_and_text_counts_its_tokens():
    ids, index = RopeTv(), torch.arange(16)
    assert torch.equal(ids(index, GRIDS, torch.Generator()), ids(index, GRIDS, None))
    assert ids(index, None, None).tolist() == list(range(16))


def test_the_grid_is_midway_between_the_texts():
    pos = RopeTv()(torch.arange(16), GRIDS, None)[:, 0]
    assert torch.equal(pos[2] - pos[1], pos[14] - pos[13])
    assert pos[14].tolist() == [14, 14, 14]
