import torch

from kexue_pipe.attention.scale.rsqrt import RSqrt
from kexue_pipe.attention.scale.ssmax import SSMax

GENERATOR = torch.Generator()


def _scale(*slopes):
    scale = SSMax(num_heads=len(slopes), train_length=64).double()
    with torch.no_grad():
        scale.slope.copy_(torch.tensor(slopes))
    return scale


def test_softmax_of_it_is_a_power_of_the_number_of_keys():
    """n^(a z) / sum n^(a z), with z the usual score."""
    q, k = torch.randn(2, 2, 3, 7, 4, generator=GENERATOR.manual_seed(0)).double()
    scaled, same = _scale(0.5, 1.0, 2.0)(q, k, torch.arange(1, 8))
    for i in range(7):
        for h, slope in enumerate((0.5, 1.0, 2.0)):
            z = (k[:, h, : i + 1] @ q[:, h, i, :, None])[..., 0] / 2  # sqrt(D) = 2
            powers = (i + 1) ** (slope * z)
            weights = (k[:, h, : i + 1] @ scaled[:, h, i, :, None])[..., 0].softmax(-1)
            torch.testing.assert_close(weights, powers / powers.sum(-1, keepdim=True))
    assert same is k


def test_starts_as_the_usual_scale_at_the_training_length():
    scale = _scale(5.0, 5.0)
    with torch.no_grad():
        scale.initialise(GENERATOR)
    q = torch.randn(2, 2, 1, 8, generator=GENERATOR.manual_seed(0), dtype=torch.float64)
    count = torch.tensor([64])
    torch.testing.assert_close(scale(q, q, count)[0], RSqrt()(q, q, count)[0])


def test_each_head_learns_from_rows_of_more_than_one_key():
    scale, q = _scale(1.0, 1.0), torch.ones(1, 2, 2, 4, dtype=torch.float64)
    scaled, _ = scale(q, q, torch.tensor([1, 3]))
    assert (scaled[:, :, 0] == 0).all()
    scaled[:, 1].sum().backward()
    assert scale.slope.grad[0] == 0 and scale.slope.grad[1] > 0
