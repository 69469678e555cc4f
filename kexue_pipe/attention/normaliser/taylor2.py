"""Second-order Taylor softmax: the exponential's first three terms, which are never negative.

    p_ij = e(s_ij) / sum_{l visible to i} e(s_il),   e(s) = 1 + s + s^2 / 2 >= 1/2

    s_ij  score of query i and key j, after bias
    p_ij  coefficient of value j

Large negative scores count like large positive ones: a shift of the scores changes the rows.

Source: de Brebisson, Vincent, "An Exploration of Softmax Alternatives Belonging to the Spherical
Loss Family" (arXiv 1511.05042).
"""

from torch import Tensor

from kexue_pipe.core.attention_parts import Normaliser


class Taylor2(Normaliser):
    """Parabolas over their sum."""

    row_stochastic = True

    def weights(self, scores: Tensor, visible: Tensor) -> Tensor:
        """Normalise over the visible keys."""
        # ((1 + s)^2 + 1) / 2 loses no digits near s = -1
        terms = ((1 + scores).square() + 1).masked_fill(~visible, 0)
        return terms / terms.sum(-1, keepdim=True)
