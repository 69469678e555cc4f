import pytest
import torch

from kexue_pipe.attention.scale.logn import LogN
from kexue_pipe.extension.logn_clip import extend
from kexue_pipe.extension.window import extend as narrow

N = 8
KNOBS = {"length": 32, "train_length": N}


@pytest.mark.parametrize("base", [None, 5.0])
def test_rows_beyond_the_base_equal_those_of_log_n_attention(decoder, base):
    attention = extend(decoder(), **KNOBS, base=base).attentions[0]
    q, k = torch.randn(2, 1, 3, 32, 6, dtype=torch.float64)
    count = torch.arange(1, 33)
    ours, keys = attention.scale(q, k, count)
    theirs, _ = LogN(base=base or 8.0)(q, k, count)
    first = int(base or N)
    torch.testing.assert_close(ours[:, :, first:], theirs[:, :, first:], rtol=0, atol=1e-12)
    torch.testing.assert_close(ours[:, :, :first], q[:, :, :first] * 6**-0.5, rtol=0, atol=0)
    assert torch.equal(keys, k)


@pytest.mark.parametrize("length", [N, 3, 1])
def test_is_the_identity_within_the_training_length(decoder, tokens, length):
    model, tokens = decoder(), tokens[:, :length]
    extended = extend(model, length=length, train_length=N, base=None)
    torch.testing.assert_close(extended(tokens), model(tokens), rtol=0, atol=0)


def test_counts_what_a_narrowed_mask_shows(decoder, tokens):
    """Eight keys are never more than the base."""
    window = narrow(decoder(), **KNOBS, width=None)
    extended = extend(window, **KNOBS, base=None)
    torch.testing.assert_close(extended(tokens), window(tokens), rtol=0, atol=1e-12)
    assert (extend(decoder(), **KNOBS, base=None)(tokens) - decoder()(tokens)).abs().max() > 1e-9
