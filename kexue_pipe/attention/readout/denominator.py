"""The denominator: the coefficients of a row are divided by their sum, as softmax does.

    o_i = sum_j a_ij v_j / sum_j a_ij

    a_ij  decayed products of unrotated features, positive

Source: Katharopoulos et al., "Transformers are RNNs: Fast Autoregressive Transformers with Linear
Attention" (arXiv 2006.16236).
"""

from kexue_pipe.core.linear_parts import Readout


class Denominator(Readout):
    """Rows that sum to one."""

    divides = True
