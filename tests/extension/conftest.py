"""A small rotary decoder, with a choice of layers and mask."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch

from kexue_pipe.attention.layout.mha import MultiHead
from kexue_pipe.attention.mask.causal import Causal
from kexue_pipe.attention.normaliser.softmax import Softmax
from kexue_pipe.attention.scale.rsqrt import RSqrt
from kexue_pipe.attention.softmax import SoftmaxAttention
from kexue_pipe.core.initialise import initialise
from kexue_pipe.model.decoder import Decoder
from kexue_pipe.model.head.untied import Untied
from kexue_pipe.position.rope import Rope
from kexue_pipe.position_ids.ordinal import Ordinal

V, N, C, H, D = 11, 8, 10, 3, 6


@pytest.fixture
def decoder():
    """Build a decoder in float64, trained at length 8 as far as extensions can tell."""

    def build(num_layers=2, mask=None, base=100.0):
        def attention():
            layout = MultiHead(width=C, num_heads=H, head_width=D)
            parts = {"scale": RSqrt(), "normaliser": Softmax(), "mask": mask or Causal()}
            return SoftmaxAttention(layout=layout, **parts)

        model = Decoder(
            task=SimpleNamespace(vocabulary_size=V, train_length=N),
            position=lambda: Rope(head_width=D, base=base),
            position_ids=Ordinal,
            attention=attention,
            head=partial(Untied, width=C),
            width=C,
            num_layers=num_layers,
            feedforward_factor=4,
        )
        initialise(model, 0)
        return model.double()

    return build


@pytest.fixture
def tokens():
    return torch.randint(V, (2, 4 * N), generator=torch.Generator().manual_seed(0))
