import pytest
import torch
from hydra.utils import instantiate

from kexue_pipe.graph.names import variant
from kexue_pipe.graph.plans import component
from tests.contract.decoders import draw_tokens, small_decoder

T = 101
CASES = {
    "rope": (),
    "log n": ("attention=logn",),
    "alibi": ("position=alibi",),
    "window": ("attention=window",),
    "window and sinks": ("attention=window_sink",),
    "cope": ("position=cope",),
}
CAUSAL = ("rope", "log n", "alibi")  # and all scores are products


@pytest.fixture(scope="session")
def reads():
    """Give what the last layer of an untrained decoder reads, with sharp scores, in float64."""

    def make(case, dtype=torch.float64):
        model = small_decoder(variant(["size=smoke", *CASES[case]]).nodes).to(dtype).eval()
        with torch.no_grad():
            inputs = model.attention_inputs(draw_tokens(T))[-1].to(dtype)
        return model.attentions[-1], 3 * inputs, torch.arange(T, dtype=dtype), model.position

    return make


@pytest.fixture(scope="session")
def measured():
    """Apply the metrics that a back-end has to its blocks: name -> (B, H, R)."""

    def make(name, reads, queries, **knobs):
        nodes = variant(["size=smoke", f"backend={name}"]).nodes
        backend = instantiate(component(nodes["backend"]) | knobs)
        metrics = {n: instantiate(component(node)) for n, node in nodes["metric"].items()}
        with torch.no_grad():
            blocks = list(backend(*reads, queries))
        return {n: torch.cat([m(block) for block in blocks], -1) for n, m in metrics.items()}

    return make
