"""How much entropy a softmax can lose at most where no score is beyond a bound, from any start.

    most(b) = log n - min over k of H(p),   p_j = e^b / Z for k keys, e^-b / Z for the other n - k
    start   = H(softmax(b cos(q, k_j))) - (log n - most(b)),   the information that training can use

n keys, scores in [-b, b]: b = 1 for cosines, the gain for keys k_j and queries q of unit length,
drawn evenly from the sphere; entropies in nats. Any other scores leave more: at the minimum all
stand at an end.

Source: 注意力和Softmax的两点有趣发现:鲁棒性和信息量 (post 9593, 2023-04-25). Departure: none.
"""

import numpy as np
from scipy.stats import entropy


def loss(bound: float, num_keys: int) -> float:
    """Give the largest difference between log n and the entropy, nats."""
    high = np.arange(1, num_keys)
    low = num_keys - high
    total = high * np.exp(bound) + low * np.exp(-bound)
    mean = bound * (high * np.exp(bound) - low * np.exp(-bound)) / total
    return float(np.log(num_keys) - (np.log(total) - mean).min())


def start(bound: float, num_keys: int, width: int, draws: int) -> list[float]:
    """Give for each draw of query and keys how far the entropy can still fall, nats."""
    least, found = np.log(num_keys) - loss(bound, num_keys), []
    for draw in range(draws):
        vectors = np.random.default_rng(draw).normal(size=(num_keys + 1, width))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        found.append(float(entropy(np.exp(bound * vectors[1:] @ vectors[0])) - least))
    return found
