"""Layouts: text alone, both gaps of a grid, the room that it takes, and the cases of the posts."""

import pytest
import torch

from kexue_pipe.core.layouts import grid, grid_ids, m_rope, segments_of, tie_integer, tie_real, tv

ALL = [grid, m_rope, tie_integer, tie_real, tv]
GRIDS = [(3, 4), (2, 2), (1, 7), (7, 1), (2, 3, 4), (5, 5, 2)]


@pytest.mark.parametrize("layout", ALL)
def test_text_alone_stands_on_the_diagonal(layout):
    n = torch.arange(9.0).double()
    assert torch.equal(layout([(4,), (5,)]), torch.stack([n, n, n], -1))


@pytest.mark.parametrize("layout", ALL)
@pytest.mark.parametrize("size", GRIDS)
def test_a_grid_is_written_frame_by_frame_row_by_row_with_even_spacing(layout, size):
    h, w, t = (*size, 1)[:3]
    patches = layout([(3,), size, (2,)])[3:-2].view(t, h, w, 3)
    for axis, dim in enumerate((1, 2, 0)):
        steps = patches.diff(dim=dim)
        assert (steps[..., [a for a in range(3) if a != axis]] == 0).all()
        assert (steps[..., axis] > 0).all()
        torch.testing.assert_close(
            steps[..., axis], steps[..., axis].mean().expand(steps.shape[:3])
        )


def _gaps(layout, size):
    """The way from the text before a grid into it, and out of it, on each axis."""
    pos = layout([(3,), size, (2,)])
    return pos[3] - pos[2], pos[-2] - pos[-3]


@pytest.mark.parametrize("layout", [tie_integer, tie_real, tv])
@pytest.mark.parametrize("size", GRIDS)
def test_gaps_left_and_right_are_equal(layout, size):
    left, right = _gaps(layout, size)
    torch.testing.assert_close(left, right, rtol=0, atol=1e-12)


@pytest.mark.parametrize("layout", [grid, m_rope])
def test_the_two_others_are_nearer_to_the_text_before(layout):
    left, right = _gaps(layout, (3, 4))
    assert left.tolist() == [1, 1, 1] and (right > left)[0]


@pytest.mark.parametrize("layout", [grid, tie_real, tv])
@pytest.mark.parametrize("size", GRIDS)
def test_a_grid_takes_the_room_of_its_tokens(layout, size):
    pos = layout([(3,), size, (2,)])
    assert pos[-1].tolist() == [len(pos) - 1.0] * 3


def test_integer_spacing_swaps_the_sides_and_ends_at_their_product():
    pos = tie_integer([(3,), (3, 4), (1,)])  # L = 2, s = w + 1 = 5, t = h + 1 = 4
    assert pos[3, :2].tolist() == [7, 6] and pos[-2, :2].tolist() == [17, 18]
    assert pos[-1].tolist() == [22] * 3  # L + (w + 1)(h + 1)


def test_real_spacing_of_three_rows_of_four():
    pos = tie_real([(3,), (3, 4), (1,)])  # s = 13/4, t = 13/5
    torch.testing.assert_close(pos[3, :2], torch.tensor([2 + 13 / 4, 2 + 13 / 5]).double())
    assert pos[-1].tolist() == [15] * 3


def test_tv_of_three_rows_of_four_has_half_positions():
    pos = tv([(3,), (3, 4), (1,)])  # L = 2, beta = 2 + 9/2 and 2 + 8/2
    assert pos[3].tolist() == [7.5, 7, 8.5] and pos[-2].tolist() == [9.5, 10, 8.5]


def test_a_picture_of_one_row_has_the_columns_of_text_in_tv():
    assert tv([(3,), (1, 7), (1,)])[:, 1].tolist() == list(range(11))


def test_m_rope_goes_on_after_the_largest_coordinate():
    pos = m_rope([(3,), (2, 5), (2,)])  # L = 2
    assert pos[3].tolist() == [3, 3, 3] and pos[12].tolist() == [4, 7, 3]
    assert pos[-2:].tolist() == [[8] * 3, [9] * 3]


def test_a_document_may_start_with_a_grid():
    assert grid([(2, 2)]).tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0]]


def test_documents_of_a_batch_have_their_own_grids_and_empty_ones_are_no_grid():
    grids = torch.tensor([[[2, 2, 3], [9, 1, 2]], [[4, 3, 2], [0, 0, 0]]])
    assert segments_of(12, [(2, 2, 3), (9, 1, 2)]) == ((2,), (2, 3), (1,), (1, 2), (1,))
    pos = grid_ids(tv, torch.arange(12), grids)
    assert pos.shape == (12, 2, 3) and pos.dtype == torch.float32
    expected = [tv([(2,), (2, 3), (1,), (1, 2), (1,)]), tv([(4,), (3, 2), (2,)])]
    assert torch.equal(pos, torch.stack(expected, 1).float())


def test_a_shorter_context_cuts_the_ids_and_keeps_them():
    grids = torch.tensor([[[2, 3, 3]]])
    whole, part = (grid_ids(tv, torch.arange(T), grids) for T in (14, 6))
    assert torch.equal(part, whole[:6])


def test_without_grids_the_ids_are_the_indices():
    assert grid_ids(tv, torch.arange(4), None).tolist() == [0, 1, 2, 3]
