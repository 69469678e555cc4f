"""Backward Euler: the derivative of a step is that at its end.

    A' = (I - h A)^-1,   B' = (I - h A)^-1 h B

    h  step;  A, B  of x' = A x + B u;  A', B'  of x_t = A' x_(t-1) + B' u_t

Stable wherever the equation is, and fades faster than it.

Source: Jianlin Su, "重温SSM(二):HiPPO的一些遗留问题" (kexue.fm/archives/10137, 2024-06-05).
"""

from kexue_pipe.core.state_space import Implicit


class Backward(Implicit):
    """The derivative at the end."""

    share = 1.0
