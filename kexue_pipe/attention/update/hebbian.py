"""The Hebbian update: each key and value is added to the state, whatever it holds.

    S_i = Diag(a_i) S_{i-1} + k_i v_i^T

    k_i  features of the key, (F,);  v_i  value, (D,);  a_i  decay;  S_i  state, (F, D)

Source: Katharopoulos et al., "Transformers are RNNs: Fast Autoregressive Transformers with Linear
Attention" (arXiv 2006.16236).
"""

from torch import Tensor

from kexue_pipe.core.linear_parts import Update


class Hebbian(Update):
    """Sums of outer products."""

    def step(self, state: Tensor, k: Tensor, v: Tensor, strength: Tensor | None) -> Tensor:
        """Add an outer product."""
        return state + k.mT @ v
