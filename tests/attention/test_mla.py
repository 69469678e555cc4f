import pytest
import torch
from hydra.utils import instantiate

from kexue_pipe.attention.softmax import SoftmaxAttention
from kexue_pipe.core.contracts import Position
from kexue_pipe.core.scored_attention import ScoredAttention
from kexue_pipe.extension.rerope import Folded
from kexue_pipe.graph.compose import apply, resolve
from kexue_pipe.graph.plans import component
from kexue_pipe.graph.request import parse
from kexue_pipe.position.alibi import Alibi
from kexue_pipe.position.cope import Cope
from kexue_pipe.position.rope_partial import RopePartial

EXPANDING = ScoredAttention.step  # whatever the layout
B, H, D = 2, 4, 16  # as at size=smoke
PARTIAL = RopePartial(head_width=D, base=100.0, fraction=0.5)
ALIBI = Alibi(num_heads=H, max_exponent=8.0)
SCALES = ("rsqrt", "logn", "ssmax", "qknorm attention.scale.which=query")


def build(words):
    nodes = resolve(apply(parse(["attention=mla", "task=text", "size=smoke", *words.split()])))
    attention = instantiate(component(nodes["attention"])).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 3 + 0.1)
    return attention


def decode(step, attention, x, pos, position):
    state, rows = attention.init_state(B), []
    for t in range(x.shape[1]):
        row, state = step(attention, x[:, t, None], pos[: t + 1], position, state)
        rows.append(row)
    return torch.cat(rows, dim=1), state[0]


def check(attention, position, length):
    """Absorbed, expanded, and all at once."""
    generator = torch.Generator().manual_seed(1)
    width = attention.layout.down.in_features
    x = torch.randn(B, length, width, generator=generator, dtype=torch.float64)
    pos = torch.arange(length, dtype=torch.float64)
    with torch.no_grad():
        absorbed, kept = decode(SoftmaxAttention.step, attention, x, pos, position)
        by_heads, same = decode(EXPANDING, attention, x, pos, position)
        whole = attention(x, pos, position)
    torch.testing.assert_close(absorbed, by_heads, rtol=0, atol=1e-10)
    torch.testing.assert_close(absorbed, whole, rtol=0, atol=1e-10)
    assert torch.equal(kept, same)
    elements = attention.state_elements() + length * attention.cache_elements_per_token()
    assert kept[0].numel() == elements


@pytest.fixture
def expansions(monkeypatch):
    """Which lengths were expanded by steps of softmax attention."""
    found = []

    def counted(self, x, pos, position, state):
        found.append(len(pos))
        return EXPANDING(self, x, pos, position, state)

    monkeypatch.setattr(ScoredAttention, "step", counted)
    return found


@pytest.mark.parametrize("length", [1, 7, 13])
@pytest.mark.parametrize("position", [Position(), PARTIAL, ALIBI], ids=["none", "partial", "alibi"])
def test_decoding_from_latents_is_the_forward_pass(position, length, expansions):
    check(build(""), position, length)
    assert not expansions


@pytest.mark.parametrize(
    "words",
    [f"attention/scale={scale}" for scale in SCALES]
    + [f"attention/normaliser={n}" for n in ("sparsemax", "softmax1", "sigmoid")]
    + ["attention/mask=window attention.mask.width=5", "attention.layout.query_factor=2.0"]
    + ["attention.layout.latent_factor=1.0"],
)
def test_every_part_that_leaves_keys_alone_decodes_from_latents(words, expansions):
    check(build(words), PARTIAL, 11)
    assert not expansions


@pytest.mark.parametrize("which", ["key", "both"])
def test_normalised_keys_are_expanded(which, expansions):
    check(build(f"attention/scale=qknorm attention.scale.which={which}"), PARTIAL, 5)
    assert expansions == [1, 2, 3, 4, 5]


def test_positions_that_replace_the_scores_are_given_the_keys(expansions):
    cope = Cope(head_width=D, p_max=None, train_length=8).double()
    torch.nn.init.normal_(cope.table, generator=torch.Generator().manual_seed(0))
    far = Folded(PARTIAL, 3, lambda pos_q, pos_k: (pos_q / 2, pos_k / 2))
    for position in (cope, far):
        check(build(""), position, 5)
    assert expansions == 2 * [1, 2, 3, 4, 5]
