"""What a memory of keys and values gives back when keys are bound once or twice.

    Hebb    S <- S + v k^T              delta    S <- S + (v - S k) k^T

The memory is read with each key, and the value is that of the nearest of VALUES known ones; the
later value of a key is the right one.

k, v random unit vectors (width,), S (width, width).

Sources: 线性注意力简史:从模仿、创新到反哺 (post 11033); DeltaNet (arXiv 2406.06484).
Departure: none.
"""

import numpy as np

VALUES = 512


def lead(num_keys: int, width: int, rebind: bool, draws: int) -> list[float]:
    """Give for each draw the recall of the delta rule minus that of Hebb's."""
    found = []
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        keys, known = _units(rng, num_keys, width), _units(rng, VALUES, width)
        written = [rng.permutation(VALUES)[:num_keys] for _ in range(1 + rebind)]
        delta = hebb = np.zeros((width, width))
        for values in written:
            for key, value in zip(keys, known[values], strict=True):
                hebb = hebb + np.outer(value, key)
                delta = delta + np.outer(value - delta @ key, key)
        recall = [(known @ (s @ keys.T)).argmax(0) == written[-1] for s in (delta, hebb)]
        found.append(float(recall[0].mean() - recall[1].mean()))
    return found


def _units(rng: np.random.Generator, number: int, width: int) -> np.ndarray:
    vectors = rng.normal(size=(number, width))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
