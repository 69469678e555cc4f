"""Zero-order hold: exact for an input that is constant over a step.

    A' = e^(h A),   B' = A^-1 (e^(h A) - I) B

    h  step;  A, B  of x' = A x + B u;  A', B'  of x_t = A' x_(t-1) + B' u_t

Source: Gu et al., "On the Parameterization and Initialization of Diagonal State Space Models"
(arXiv 2206.11893).
"""

from torch import Tensor

from kexue_pipe.core.state_space import Discretisation


class ZeroOrderHold(Discretisation):
    """The solution of the equation over a step."""

    def diagonal(self, a: Tensor) -> tuple[Tensor, Tensor]:
        """Give e^a and (e^a - 1) / a."""
        advance = a.exp()
        return advance, (advance - 1) / a
