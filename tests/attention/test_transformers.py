"""Mechanisms beside the released code of models that have them, as transformers holds it.

The three stand in one file, because the import takes seconds.
"""

import pytest
import torch
from transformers import DeepseekV3Config, DiffLlamaConfig
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3Attention
from transformers.models.diffllama.modeling_diffllama import DiffLlamaAttention
from transformers.models.qwen3_next import modeling_qwen3_next

from kexue_pipe.attention.differential import DifferentialAttention
from kexue_pipe.attention.layout.mha import MultiHead
from kexue_pipe.attention.layout.mla import MultiHeadLatent
from kexue_pipe.attention.mask.causal import Causal
from kexue_pipe.attention.normaliser.softmax import Softmax
from kexue_pipe.attention.scale.rsqrt import RSqrt
from kexue_pipe.attention.softmax import SoftmaxAttention
from kexue_pipe.attention.update.delta import Delta
from kexue_pipe.core.contracts import Position
from kexue_pipe.core.linear_chunks import Stream, mix
from kexue_pipe.core.rotation import frequencies
from kexue_pipe.position.rope_partial import RopePartial

B, T, C, H, D = 2, 13, 20, 4, 16
POS = torch.arange(T, dtype=torch.float64)
HIDDEN = torch.full((1, 1, T, T), -torch.inf, dtype=torch.float64).triu(1)
PARTS = {"scale": RSqrt(), "normaliser": Softmax(), "mask": Causal()}
SIZES = {"hidden_size": C, "num_attention_heads": H, "num_key_value_heads": H}


@pytest.fixture(autouse=True)
def what_they_compute_in_float32_is_in_float64(monkeypatch):
    """Norms, softmax and the delta rule ask for `torch.float32`, whatever they are given."""
    monkeypatch.setattr(torch, "float32", torch.float64)


def draw(*shape):
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def drawn(attention):
    for parameter in attention.double().parameters():
        parameter.data = draw(*parameter.shape) / 3 + 0.1
    return attention


def check(found, expected):
    assert found.dtype == expected.dtype == torch.float64
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


@torch.no_grad()
@pytest.mark.parametrize("squeezed", [None, 1.5], ids=["queries", "latent queries"])
def test_mla_is_that_of_deepseek_v3(squeezed):
    """Their heads hold the shared channels last, ours first."""
    sizes = {"width": C, "num_heads": H, "head_width": D, "query_factor": squeezed}
    layout = MultiHeadLatent(**sizes, latent_factor=2.0, shared_fraction=0.5)
    ours = drawn(SoftmaxAttention(layout=layout, **PARTS))
    rank = squeezed and round(squeezed * D)
    ranks = {"kv_lora_rank": layout.latent, "q_lora_rank": rank, "v_head_dim": D}
    heads = {"qk_rope_head_dim": layout.shared, "qk_nope_head_dim": D - layout.shared}
    config = DeepseekV3Config(**SIZES, **ranks, **heads, attn_implementation="eager")
    theirs = DeepseekV3Attention(config, 0).double().eval()
    queries = layout.query.weight.unflatten(0, (H, D)).roll(-layout.shared, 1).flatten(0, 1)
    if squeezed:
        down, norm = layout.query_down
        theirs.q_a_proj.weight, theirs.q_a_layernorm.weight = down.weight, norm.weight
    (theirs.q_b_proj if squeezed else theirs.q_proj).weight.data = queries
    theirs.kv_a_proj_with_mqa.weight = layout.down.weight
    theirs.kv_a_layernorm.weight = layout.norm.weight
    theirs.kv_b_proj.weight, theirs.o_proj.weight = layout.up.weight, layout.out.weight
    angles = (POS[:, None] * frequencies(layout.shared, 100.0)).repeat(1, 2)[None]
    expected = theirs(draw(B, T, C), (angles.cos(), angles.sin()), HIDDEN)[0]
    check(ours(draw(B, T, C), POS, RopePartial(head_width=D, base=100.0, fraction=0.5)), expected)


@torch.no_grad()
@pytest.mark.parametrize("layer", [0, 3])
def test_differential_attention_is_that_of_diff_llama(layer):
    """Their pairs are a head of the first half and one of the second, ours are neighbours."""
    layout = MultiHead(width=C, num_heads=H, head_width=D)
    ours = DifferentialAttention(layout=layout, **PARTS, first=0.2, last=0.8, rate=0.3)
    ours = drawn(ours.place(layer, 5))
    names = {"head_dim": D, "rms_norm_eps": 1e-5, "attn_implementation": "eager"}
    theirs = DiffLlamaAttention(DiffLlamaConfig(**SIZES, **names), layer).double().eval()
    q, k, v = (w.unflatten(0, (H, D)) for w in layout.qkv.weight.chunk(3))
    for projection, w in ((theirs.q_proj, q), (theirs.k_proj, k), (theirs.v_proj, v)):
        projection.weight.data = torch.cat((w[0::2], w[1::2])).flatten(0, 1)
    theirs.o_proj.weight = layout.out.weight
    for name, vector in zip(("q1", "k1", "q2", "k2"), ours.vectors, strict=True):
        getattr(theirs, f"lambda_{name}").data = vector
    still = torch.ones(1, T, D).double(), torch.zeros(1, T, D).double()  # no position
    expected = theirs(draw(B, T, C), still, HIDDEN)[0]
    check(ours(draw(B, T, C), POS, Position()), expected)


@pytest.mark.parametrize("form", ["recurrent", "chunk"])
def test_the_gated_delta_rule_is_that_of_qwen3_next(form):
    """They divide queries by the root of their width."""
    q, k, v = draw(B, H, 3 * 45, D).split(45, dim=2)
    fade, beta = -draw(B, H, 45, 1).abs(), draw(B, H, 45, 1).sigmoid()
    parts = (part.transpose(1, 2) for part in (q, k, v, fade[..., 0], beta[..., 0]))
    rule = getattr(modeling_qwen3_next, f"torch_{form}_gated_delta_rule")
    expected, _ = rule(*parts, use_qk_l2norm_in_kernel=True)
    delta = Delta(width=1, num_heads=1, beta_max=1.0)
    unit_q, unit_k = delta.prepare(q, k)
    found = mix(unit_q, Stream(unit_k, v, fade, beta, delta.solve))
    check(found, expected.transpose(1, 2) * D**0.5)
