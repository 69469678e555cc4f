import pytest
import torch

from kexue_pipe.core.layouts import tie_integer, tie_real
from kexue_pipe.position_ids.rope_tie import RopeTie

GRIDS = torch.tensor([[[2, 3, 4]], [[5, 2, 2]]])  # (B, G, 3) first token, height, width
CHOICES = [("integer", tie_integer), ("real", tie_real)]


@pytest.mark.parametrize("spacing, layout", CHOICES)
def test_each_document_has_the_layout_of_its_own_grid(spacing, layout):
    pos = RopeTie(spacing=spacing)(torch.arange(16), GRIDS, None)
    expected = [layout([(2,), (3, 4), (2,)]), layout([(5,), (2, 2), (7,)])]
    assert torch.equal(pos, torch.stack(expected, 1).float())


@pytest.mark.parametrize("spacing, end", [("integer", 21), ("real", 14)])
def test_the_text_after_stands_where_the_post_says(spacing, end):
    pos = RopeTie(spacing=spacing)(torch.arange(16), GRIDS, None)[:, 0]
    assert pos[14].tolist() == [end] * 3  # L = 1: L + (w + 1)(h + 1) or L + w h + 1
    torch.testing.assert_close(pos[2] - pos[1], pos[14] - pos[13])


def test_training_and_test_ids_are_equal_and_text_counts_its_tokens():
    ids, index = RopeTie(spacing="integer"), torch.arange(16)
    assert torch.equal(ids(index, GRIDS, torch.Generator()), ids(index, GRIDS, None))
    assert ids(index, None, None).tolist() == list(range(16))
