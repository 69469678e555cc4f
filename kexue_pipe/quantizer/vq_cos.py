"""Vector quantisation on the unit sphere: latents and rows lose their length.

    u = z / |z|,  c_j = e_j / |e_j|,  k = argmax_j u . c_j,  u_q = u + sg(c_k - u)
    aux = beta mean((c_k - sg u)^2) + gamma mean((u - sg c_k)^2)

z (N, D) are N latents of D numbers, E (K, D) is the table with rows e_j, sg stops the gradient.
Since |u - c|^2 = 2 - 2 u . c the code is the nearest row on the sphere. The decoder sees unit
vectors, and its gradient w passes the normalisation: dL/dz = (I - u u') w / |z|. Both means run
over N D numbers; norms below 1e-6 count as 1e-6.

How rows start (`init`), and restart where their running count falls below `restart_threshold`
times N / K, is said in `core/codebook.py`.

Source: "Vector-quantized Image Modeling with Improved VQGAN" (2110.04627).
Departures: D is 8 instead of 32; the table starts from data.
"""

from torch import Tensor
from torch.nn import functional as F

from kexue_pipe.core.trained_table import TrainedTable


class CosineVQ(TrainedTable):
    """Quantisation to the row of the nearest direction."""

    def place(self, v: Tensor) -> Tensor:
        """Give the directions of vectors, (n, D) -> (n, D)."""
        return F.normalize(v, dim=1, eps=1e-6)
