"""How the power of uniform causal attention falls with the length of the row.

    y_n = (1 / n) sum_(i <= n) v_i,   v ~ N(0, 1)   ->   E y_n^2 = 1 / n

The slope of log mean(y_n^2) against log n, n from 8 to the longest row.

Source: Decoder-only的LLM为什么需要位置编码? (post 10347, 2024-09-01). Departure: none.
"""

import numpy as np


def slope(longest: int, width: int, draws: int) -> list[float]:
    """Give the exponent for each draw of the values."""
    n = np.arange(1, longest + 1)
    found = []
    for draw in range(draws):
        values = np.random.default_rng(draw).normal(size=(longest, width))
        power = ((values.cumsum(0) / n[:, None]) ** 2).mean(1)
        found.append(float(np.polyfit(np.log(n[7:]), np.log(power[7:]), 1)[0]))
    return found
