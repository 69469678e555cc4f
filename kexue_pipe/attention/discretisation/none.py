"""No discretisation: the kernel is a recurrence over tokens from the start.

    x_t = A x_(t-1) + B u_t

    A, B  of the kernel itself

Source: the definition.
"""

from kexue_pipe.core.state_space import Discretisation


class NoStep(Discretisation):
    """Nothing to do."""
