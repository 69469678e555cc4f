import pytest
import torch

from kexue_pipe.core.rotation import frequencies
from kexue_pipe.extension.pi import extend as interpolate
from kexue_pipe.extension.yarn import extend, kept_share

N = 8
KNOBS = {"k": None, "alpha": 1.0, "beta": None, "ramp": "rotations", "temperature": True}


def _extend(model, length=32, **knobs):
    return extend(model, length=length, train_length=N, **KNOBS | knobs)


def test_frequencies_by_hand():
    """N = 64, D = 16: pair 0 turns 10.186 times, and (10.186 - 1) / 31 of it is kept at beta 32."""
    theta = frequencies(16, 10000.0)
    kept = kept_share(theta, 64, 1.0, 32.0, "rotations")
    assert abs(kept[0] - 0.29632) < 1e-5
    assert abs(kept[0] + (1 - kept[0]) / 8 - 0.38428) < 1e-5
    kept = kept_share(theta, 64, 1.0, 4.0, "rotations")
    assert kept[0] == 1 and abs(kept[1] - 0.74036) < 1e-5 and abs(kept[2] - 0.00620) < 1e-5
    assert (kept[3:] == 0).all()


def test_pairs_between_the_bounds_as_in_the_released_code():
    """D = 128, N = 4096: 32 turns at pair 20.9, one turn at pair 45.03."""
    kept = kept_share(frequencies(128, 10000.0), 4096, 1.0, 32.0, "index")
    expected = (1 - (torch.arange(64).double() - 20) / 26).clamp(0, 1)
    torch.testing.assert_close(kept, expected)


@pytest.mark.parametrize("train_length, beta", [(8, 2.0), (64, 4.0), (128, 8.0), (1024, 32.0)])
def test_default_beta_follows_the_training_length(decoder, train_length, beta):
    default, given = (
        extend(decoder(), length=4096, train_length=train_length, **KNOBS | {"beta": b})
        for b in (None, beta)
    )
    assert torch.equal(default.position.theta, given.position.theta)


def test_is_interpolation_where_no_pair_turns_often_enough(decoder, tokens):
    cold = _extend(decoder(), alpha=50.0, temperature=False)
    expected = interpolate(decoder(), length=32, train_length=N, k=None)
    torch.testing.assert_close(cold(tokens), expected(tokens), rtol=0, atol=1e-12)


def test_temperature_multiplies_scores_by_its_square(decoder, tokens):
    """0.1 ln 8 + 1 = 1.20794: scores grow by 1.459."""
    model = decoder(num_layers=1)
    hot, cold = (_extend(model, k=8.0, temperature=on) for on in (True, False))
    q, k = torch.randn(2, 1, 3, 4, 6, dtype=torch.float64)
    scaled, plain = (m.attentions[0].scale(q, k, torch.arange(4)) for m in (hot, cold))
    ratio = (scaled[0] @ scaled[1].mT) / (plain[0] @ plain[1].mT)
    torch.testing.assert_close(ratio, torch.full_like(ratio, 1.20794**2), rtol=1e-5, atol=0)
    torch.testing.assert_close(hot.position.theta, cold.position.theta)


@pytest.mark.parametrize("length, k", [(N, None), (3, None), (32, 1.0)])
@pytest.mark.parametrize("ramp", ["rotations", "index"])
def test_is_the_identity_within_the_training_length(decoder, tokens, length, k, ramp):
    model, tokens = decoder(), tokens[:, :length]
    extended = _extend(model, length=length, k=k, ramp=ramp)
    torch.testing.assert_close(extended(tokens), model(tokens), rtol=0, atol=1e-12)
