"""Bilinear rule: the derivative of a step is the mean of those at its two ends.

    A' = (I - h A / 2)^-1 (I + h A / 2),   B' = (I - h A / 2)^-1 h B

    h  step;  A, B  of x' = A x + B u;  A', B'  of x_t = A' x_(t-1) + B' u_t

Stable wherever the equation is.

Source: Gu et al., "Efficiently Modeling Long Sequences with Structured State Spaces"
(arXiv 2111.00396).
"""

from kexue_pipe.core.state_space import Implicit


class Bilinear(Implicit):
    """Half of the derivative at either end."""

    share = 0.5
