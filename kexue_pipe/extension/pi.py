"""Position interpolation: positions are divided by k, so that T tokens fit the trained range.

    i <- i / k,   which is   theta_m <- theta_m / k   for a rotation by i theta_m

    i        position of a token
    theta_m  frequency of rotary pair m, radians per token, (D/2,)
    k        factor; T / N by default, and never below 1
    T, N     context length at hand, training length, in tokens

Source: Chen et al., "Extending Context Window of Large Language Models via Positional
Interpolation" (arXiv 2306.15595).
"""

from typing import Any


def extend(model: Any, *, length: int, train_length: int, k: float | None) -> Any:
    """Divide all frequencies by k."""
    factor = max(1.0, length / train_length) if k is None else k
    position = model.position
    return model.replace(position=position.with_frequencies(position.theta / factor))
