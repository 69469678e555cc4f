"""What a rational transfer function becomes when it is read at another length than in training.

    K(b, L) = irfft(rfft(b, L) / rfft([1, a], L), L),   b = C (I - A^L) at the training length L

K(b, L) is the response of the filter C up to L. Read at T = factor * L with the same b, it is
another one; error = |K(b, T) - h| / |h|, with h_t = C A^t e_1, the response of C up to T.

a from its poles; A companion matrix of a; C ~ N(0, 1).

Sources: 重温SSM(四):有理生成函数的新视角 (post 10180, 2024-06-27); State-Free Inference of
State-Space Models: The Transfer Function Approach (arXiv 2405.06147).
Departure: poles are given, not trained.
"""

import numpy as np
from scipy.linalg import companion
from scipy.signal import lfilter


def change(poles: list[float], length: int, factor: int, draws: int) -> list[float]:
    """Give for each draw of C the relative error of the response at a multiple of the length."""
    a, total, found = np.poly(poles), factor * length, []
    faded = np.linalg.matrix_power(companion(a), length)
    for draw in range(draws):
        readout = np.random.default_rng(draw).normal(size=len(poles))
        # states are x_t = [u_t - a . x_(t-1); x_(t-1) without its last], so that C is a numerator
        response = lfilter(readout, a, np.eye(1, total)[0])
        trained = readout - readout @ faded
        below = np.fft.rfft(a, total)
        read = np.fft.irfft(np.fft.rfft(trained, total) / below, total)
        found.append(float(np.linalg.norm(read - response) / np.linalg.norm(response)))
    return found
