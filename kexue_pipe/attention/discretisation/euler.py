"""Forward Euler: the derivative of a step is that at its start.

    A' = I + h A,   B' = h B

    h  step;  A, B  of x' = A x + B u;  A', B'  of x_t = A' x_(t-1) + B' u_t

It grows without bound where |1 + h a| > 1 for an eigenvalue a of A: fast oscillations need small
steps.

Source: Jianlin Su, "重温SSM(二):HiPPO的一些遗留问题" (kexue.fm/archives/10137, 2024-06-05).
"""

from kexue_pipe.core.state_space import Implicit


class Euler(Implicit):
    """The derivative at the start."""

    share = 0.0
