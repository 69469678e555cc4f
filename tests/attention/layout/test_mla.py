import pytest
import torch
from torch import nn

from kexue_pipe.attention.layout.mha import MultiHead
from kexue_pipe.attention.layout.mla import MultiHeadLatent
from kexue_pipe.attention.mask.causal import Causal
from kexue_pipe.attention.normaliser.softmax import Softmax
from kexue_pipe.attention.scale.rsqrt import RSqrt
from kexue_pipe.attention.softmax import SoftmaxAttention
from kexue_pipe.core.contracts import Position
from kexue_pipe.core.rotation import frequencies, rotate
from kexue_pipe.graph.errors import Misfit, Refused
from kexue_pipe.graph.names import variant
from kexue_pipe.graph.options import options
from kexue_pipe.position.alibi import Alibi
from kexue_pipe.position.rope_partial import RopePartial
from tests.contract.decoders import facts

B, T, C, H, D, S = 2, 11, 7, 4, 8, 4  # S channels of a key are shared
POS = torch.arange(T, dtype=torch.float64)
ALIBI = Alibi(num_heads=H, max_exponent=8.0)
PARTIAL = RopePartial(head_width=D, base=100.0, fraction=S / D)
ROTATIONS = [p for p in options("position") if "rotation" in facts(f"position/{p}", "_gives_")]


def _layout(latent=1.5, query=None, shared=S / D):
    torch.manual_seed(0)
    factors = {"latent_factor": latent, "query_factor": query, "shared_fraction": shared}
    layout = MultiHeadLatent(width=C, num_heads=H, head_width=D, **factors).double()
    for norm in layout.modules():
        if isinstance(norm, nn.RMSNorm):
            nn.init.uniform_(norm.weight, 0.5, 2.0)
    return layout


def _x():
    return torch.randn(B, T, C, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("query", [None, 2.0])
@pytest.mark.parametrize("position", [Position(), PARTIAL, ALIBI], ids=["none", "partial", "alibi"])
def test_equals_decoding_from_what_is_kept(position, query):
    """The absorbed form: one shared key [W_kr x ; c], one shared value c, H wide queries."""
    layout, x = _layout(query=query), _x()
    parts = {"scale": RSqrt(), "normaliser": Softmax(), "mask": Causal()}
    expanded = SoftmaxAttention(layout=layout, **parts)(x, POS, position)

    latent, shared = layout.down(x).split([layout.latent, S], dim=-1)
    c, key = layout.norm(latent), shared[:, None]  # kept: (B, T, L) and (B, 1, T, S)
    up = layout.up.weight.view(H, 2 * D - S, layout.latent)
    up_key, up_value = up[:, : D - S], up[:, D - S :]
    q = layout.query(layout.query_down(x)).view(B, T, H, D).transpose(1, 2)
    turned = q[..., :S]
    if position is PARTIAL:
        turned, key = rotate(turned, key, POS, POS, frequencies(S, 100.0))
    wide = torch.einsum("bhtd,hdl->bhtl", q[..., S:], up_key)
    bias = position.bias(q, POS, POS)
    mixed = torch.zeros(B, H, T, D, dtype=torch.float64)
    for i in range(T):
        seen = slice(0, i + 1)
        scores = torch.einsum("bhl,bsl->bhs", wide[:, :, i], c[:, seen])
        scores = (scores + (turned[:, :, i, None] * key[:, :, seen]).sum(-1)) / D**0.5
        scores = scores if bias is None else scores + bias[:, :, i, seen]
        latents = scores.softmax(-1) @ c[:, seen]  # (B, H, L)
        mixed[:, :, i] = torch.einsum("bhl,hdl->bhd", latents, up_value)
    torch.testing.assert_close(expanded, layout.merge(mixed), rtol=0, atol=1e-12)


def test_shared_channels_come_first_and_are_those_of_the_token():
    layout, x = _layout(), _x()
    _, k, _ = layout.project(x)
    key = x @ layout.down.weight[layout.latent :].T
    assert all(torch.equal(k[:, 0, :, :S], k[:, h, :, :S]) for h in range(H))
    torch.testing.assert_close(k[:, 0, :, :S], key)
    assert not torch.equal(k[:, 0, :, S:], k[:, 1, :, S:])


def test_a_latent_of_all_keys_and_values_is_multi_head():
    layout = _layout(latent=2.0 * H, shared=0.0)
    multi = MultiHead(width=C, num_heads=H, head_width=D).double()
    layout.norm = nn.Identity()
    q, k, v = multi.qkv.weight.view(3, H, D, C)
    with torch.no_grad():
        layout.query.weight.copy_(q.flatten(0, 1))
        layout.down.weight.copy_(torch.cat((k, v), dim=1).flatten(0, 1))
        layout.up.weight.copy_(torch.eye(2 * H * D))
    for ours, theirs in zip(layout.project(_x()), multi.project(_x()), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-14)


def test_parameters_and_cache():
    factors = {"latent_factor": 1.5, "shared_fraction": 0.5, "query_factor": None}
    layout = MultiHeadLatent(width=64, num_heads=4, head_width=16, **factors)
    # d (L + r D) + L + L h (2 D - r D) + d h D + h D d, with L = 24 and r D = 8
    expected = 64 * 32 + 24 + 24 * 4 * 24 + 2 * 64 * 64
    assert sum(p.numel() for p in layout.parameters()) == expected
    assert layout.cache_elements_per_token() == 32  # as multi-query attention


def test_gradients_reach_every_parameter():
    layout = _layout(query=1.0)
    q, k, v = layout.project(_x())
    layout.merge((q @ k.mT).softmax(-1) @ v).square().sum().backward()
    assert all((parameter.grad != 0).any() for parameter in layout.parameters())


@pytest.mark.parametrize("position", [p for p in ROTATIONS if p != "rope_partial"])
def test_rotations_of_every_channel_are_refused(position):
    with pytest.raises(Misfit, match="position=rope_partial turns exactly these"):
        variant(["attention=mla", f"position={position}"])


@pytest.mark.parametrize("fraction", [0.25, 0.5, 1.0])
def test_exactly_the_shared_channels_turn(fraction):
    nodes = variant(["attention=mla", f"position.fraction={fraction}"]).nodes
    assert nodes["position"]["_target_"].endswith("RopePartial")
    assert nodes["attention"]["layout"]["shared_fraction"] == fraction
    with pytest.raises(Refused, match="follows position.fraction; set position.fraction instead"):
        variant(["attention=mla", f"attention.layout.shared_fraction={fraction}"])
