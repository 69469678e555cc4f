"""No decay: a state keeps all that was written."""

from torch import Tensor

from kexue_pipe.core.linear_parts import Decay


class NoDecay(Decay):
    """a = 1."""

    def forward(self, x: Tensor) -> Tensor | None:
        """Give nothing."""
        return None
