"""Vector quantisation: each latent becomes the nearest row of a trained table.

    k = argmin_j |z - e_j|^2,   z_q = z + sg(e_k - z)
    aux = beta mean((e_k - sg z)^2) + gamma mean((z - sg e_k)^2)

z (N, D) are N latents of D numbers, E (K, D) is the table with rows e_j, sg stops the gradient:
the decoder's gradient reaches z unchanged (`estimator` ste), and E learns from beta alone. Both
means run over N D numbers. Ties go to the lowest index. An estimator that moves the rows itself
needs no auxiliary loss: aux = 0.

How rows start (`init`), and restart where their running count falls below `restart_threshold`
times N / K, is said in `core/codebook.py`. A table much shorter or longer than the latents leaves
most rows unused for good.

Source: "Neural Discrete Representation Learning" (1711.00937); the post *简单得令人尴尬的FSQ*
(2023-10-31) for the two weights.
Departure: the paper has beta = 1 and init uniform; here the sums over pixels are means.
"""

from kexue_pipe.core.trained_table import TrainedTable


class VQ(TrainedTable):
    """Nearest-row quantisation with a table that learns by gradient."""
