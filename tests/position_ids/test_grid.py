import torch

from kexue_pipe.core.layouts import grid
from kexue_pipe.position_ids.grid import Grid

GRIDS = torch.tensor([[[2, 3, 4]], [[5, 2, 2]]])  # (B, G, 3) first token, height, width


def test_each_document_has_the_layout_of_its_own_grid():
    pos = Grid()(torch.arange(16), GRIDS, None)
    expected = [grid([(2,), (3, 4), (2,)]), grid([(5,), (2, 2), (7,)])]
    assert torch.equal(pos, torch.stack(expected, 1).float())


def test_training_and_test_ids_are_equal_and_text_counts_its_tokens():
    ids, index = Grid(), torch.arange(16)
    assert torch.equal(ids(index, GRIDS, torch.Generator()), ids(index, GRIDS, None))
    assert ids(index, None, None).tolist() == list(range(16))


def test_cells_count_from_the_first_token_of_the_grid_and_text_by_index():
    pos = Grid()(torch.arange(16), GRIDS, None)[:, 0].tolist()
    assert pos[2] == [2, 2, 2] and pos[13] == [4, 5, 2]  # corners of 3 rows of 4
    assert pos[1] == [1, 1, 1] and pos[14] == [14, 14, 14]
