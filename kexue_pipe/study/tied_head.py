"""The first loss of a language model whose head is its embedding, above that of a uniform guess.

    loss_i = log sum_j e^(w_j . w_i / rms(w_i)) - w_i . w_i / rms(w_i),   w ~ N(0, sigma^2)

The blocks of a fresh model add little, so that the head sees the normalised embedding of the token
itself and predicts that token again; the next token is another one, drawn evenly.

w (V, d) embedding, V vocabulary, d model width.

Source: 语言模型输出端共享Embedding的重新探索 (post 9698, 2023-07-20).
Departure: the loss is averaged over next tokens that are independent of the token.
"""

import numpy as np
from scipy.special import logsumexp

TOKENS = 200  # tokens that the loss is averaged over


def excess(width: int, vocabulary: int, sigma: float, draws: int) -> list[float]:
    """Give for each draw the mean first loss minus log V, nats."""
    found = []
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        table = rng.normal(0, sigma, (vocabulary, width))
        inputs = table[:TOKENS] / np.sqrt((table[:TOKENS] ** 2).mean(1, keepdims=True))
        logits = inputs @ table.T
        loss = logsumexp(logits, axis=1) - logits.mean(1)
        found.append(float(loss.mean() - np.log(vocabulary)))
    return found
