"""The parts that a state-space mixer is composed of: what each is asked, and what it answers.

A kernel is a bank of linear filters, one per channel; a discretisation makes one that is a
differential equation, x' = A x + B u, a recurrence over tokens.
"""

from torch import Tensor, nn


class Discretisation:
    """The recurrence x_t = A' x_(t-1) + B' u_t of x' = A x + B u over a step."""

    share: float  # of the derivative at the end of a step, where A' is a quotient of such shares

    def diagonal(self, a: Tensor) -> tuple[Tensor, Tensor]:
        """Give A' and B' / (step B) of the diagonal a = step A, each of its shape."""
        raise NotImplementedError


class Implicit(Discretisation):
    """The rules between Euler's: (x_t - x_(t-1)) / step = share of x'_t + the rest of x'_(t-1)."""

    def diagonal(self, a: Tensor) -> tuple[Tensor, Tensor]:
        """Give (1 + (1 - share) a) / (1 - share a) and 1 / (1 - share a)."""
        gain = 1 / (1 - self.share * a)
        return (1 + (1 - self.share) * a) * gain, gain


class Kernel(nn.Module):
    """The filters y_t = sum_j K_(t-j) u_j of all channels, and their recurrence."""

    def response(self, discretisation: Discretisation, length: int) -> Tensor:
        """Give K_0 ... K_(T-1) of every channel, (C, T)."""
        raise NotImplementedError

    def init_state(self, batch: int) -> Tensor:
        """Give the state before the first token, (B, C, ...), real."""
        raise NotImplementedError

    def step(
        self, discretisation: Discretisation, u: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Give the output (B, C) to one more token (B, C), and the state after it."""
        raise NotImplementedError
