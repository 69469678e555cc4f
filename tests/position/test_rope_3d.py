"""Three axes of the same encoding as `rope_2d`, which is tested there."""

import torch
from torch.testing import assert_close

from kexue_pipe.position.rope import Rope
from kexue_pipe.position.rope_2d import RopeAxes

AXES, T, D = ["row", "column", "frame"], 5, 16


def test_left_over_pairs_go_to_the_first_axes():
    axis = RopeAxes(head_width=D, axes=AXES, base=100.0, channels="interleaved").axis
    assert axis.tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    blocks = RopeAxes(head_width=D, axes=AXES, base=100.0, channels="split")
    assert blocks.axis.tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    expected = [100 ** (-2 * m / width) for width, n in ((6, 3), (6, 3), (4, 2)) for m in range(n)]
    assert_close(blocks.theta, torch.tensor(expected).double())


def test_each_axis_turns_its_own_channels_and_no_others():
    position = RopeAxes(head_width=D, axes=AXES, base=100.0, channels="interleaved")
    x = torch.randn(1, 1, T, D, generator=torch.Generator().manual_seed(0)).double()
    for a in range(3):
        pos = torch.zeros(T, 1, 3)
        pos[..., a] = torch.arange(1, T + 1)[:, None]
        turned, _ = position.rotate(x, x, pos, pos)
        moved = ((turned - x).abs().amax((0, 1, 2)) > 1e-6).tolist()
        assert moved == [channel // 2 % 3 == a for channel in range(D)]


def test_on_the_diagonal_it_is_rope():
    position = RopeAxes(head_width=D, axes=AXES, base=100.0, channels="interleaved")
    x = torch.randn(1, 1, T, D, generator=torch.Generator().manual_seed(0)).double()
    n = torch.arange(T) * 7.0
    rope, _ = Rope(head_width=D, base=100.0).rotate(x, x, n, n)
    turned, _ = position.rotate(x, x, n[:, None, None].expand(T, 1, 3), n)
    assert_close(turned, rope, rtol=0, atol=1e-12)
