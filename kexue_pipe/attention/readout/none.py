"""No readout: mixed values go on as they are, and grow with what the state holds."""

from kexue_pipe.core.linear_parts import Readout


class Plain(Readout):
    """The identity."""
