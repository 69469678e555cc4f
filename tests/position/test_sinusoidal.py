import pytest
import torch

from kexue_pipe.position.sinusoidal import Sinusoidal

WIDTH, LENGTH = 14, 37


@pytest.fixture
def table():
    """The unscaled position vectors, (T, C), with hand-made ids."""
    position = Sinusoidal(width=WIDTH, base=100.0)
    zeros = torch.zeros(1, LENGTH, WIDTH, dtype=torch.float64)
    position.scale.data = torch.tensor(1.0, dtype=torch.float64)
    return position.embed(zeros, torch.arange(LENGTH, dtype=torch.float64))[0].detach()


def _theta():
    return 100.0 ** (-2 * torch.arange(WIDTH // 2, dtype=torch.float64) / WIDTH)


def test_inner_product_depends_only_on_distance(table):
    distance = torch.arange(LENGTH)[:, None] - torch.arange(LENGTH)
    expected = (distance[..., None] * _theta()).cos().sum(-1)
    torch.testing.assert_close(table @ table.T, expected, rtol=0, atol=1e-12)


def test_a_shift_is_a_rotation_of_each_pair(table):
    angle = 5 * _theta()
    sin, cos = table[:-5, 0::2], table[:-5, 1::2]
    shifted = sin * angle.cos() + cos * angle.sin()
    torch.testing.assert_close(table[5:, 0::2], shifted, rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_equals_x_transformers_up_to_the_order_of_channels():
    from x_transformers.x_transformers import ScaledSinusoidalEmbedding

    ours = Sinusoidal(width=WIDTH, base=100.0)
    theirs = ScaledSinusoidalEmbedding(WIDTH, theta=100)
    x = torch.zeros(2, LENGTH, WIDTH)
    embedded = ours.embed(x, torch.arange(LENGTH, dtype=torch.float32))
    split = torch.cat((embedded[..., 0::2], embedded[..., 1::2]), dim=-1)  # sines, then cosines
    # theirs has float32 angles up to 37 rad: 37 * 2^-24 = 2e-6
    torch.testing.assert_close(split, theirs(x).expand(2, -1, -1), rtol=0, atol=1e-5)


def test_scale_starts_at_the_inverse_root_of_the_width():
    position = Sinusoidal(width=64, base=10000.0)
    with torch.no_grad():
        position.scale.zero_()
        position.initialise(torch.Generator())
    assert position.scale.item() == 0.125


def test_odd_width_is_refused():
    with pytest.raises(ValueError, match="width = 7"):
        Sinusoidal(width=7, base=10000.0)
