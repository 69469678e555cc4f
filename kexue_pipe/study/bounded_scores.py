"""How much entropy a softmax can lose at most where no score is beyond a bound.

    log n - min over k of H(p),   p_j = e^b / Z for k keys, e^-b / Z for the other n - k

n keys, scores in [-b, b]: b = 1 for cosines, the temperature for keys and queries of unit length;
entropies in nats. Any other scores leave more: at the minimum all stand at an end.

Source: 注意力和Softmax的两点有趣发现:鲁棒性和信息量 (post 9593, 2023-04-25). Departure: none.
"""

import numpy as np


def loss(bound: float, num_keys: int) -> float:
    """Give the largest difference between log n and the entropy, nats."""
    high = np.arange(1, num_keys)
    low = num_keys - high
    total = high * np.exp(bound) + low * np.exp(-bound)
    mean = bound * (high * np.exp(bound) - low * np.exp(-bound)) / total
    return float(np.log(num_keys) - (np.log(total) - mean).min())
