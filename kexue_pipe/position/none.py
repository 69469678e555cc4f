"""No positional encoding: order reaches a decoder through its causal mask alone.

    s_ij = q_i . k_j

    with uniform attention over i.i.d. values of variance sigma^2, y_n = (1/n) sum_{m<=n} v_m has
    variance sigma^2 / n: the norm of an output carries its position

    q_i, k_j    query and key of tokens i and j, (D,)

Source: Jianlin Su, "Decoder-only的LLM为什么需要位置编码?" (kexue.fm/archives/10347, 2024-09-01);
Kazemnejad et al., "The Impact of Positional Encoding on Length Generalization in Transformers"
(arXiv 2305.19466).
"""

from kexue_pipe.core.contracts import Position


class NoPosition(Position):
    """The identity in every hook."""
