"""The smallest rotary base for a context, against a published one.

    log(b* / b_published),  b* = min {b : sum_p cos(m b^(-2p/D)) >= 0 for all m < L}

L context in tokens, D width of a head; b* on a grid of `per_decade` bases in each decade.

Source: Transformer升级之路:18、RoPE的底数选择原则 (post 10122, 2024-05-29). Departure: none.
"""

from math import log

from kexue_pipe.core.rope_theory import minimum_base


def log_ratio(head_width: int, length: int, published: float, per_decade: int) -> float:
    """Give the logarithm of the smallest base over the published one."""
    return log(minimum_base(length, head_width, per_decade) / published)
