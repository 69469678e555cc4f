"""Scores of any matrix of relative positions: what every fast path of an extension must equal."""

import torch


def general_scores(q, k, relative, theta):
    """Give q_i . R(-r_ij) k_j for any r (T, S) and theta (D/2,)."""
    q1, q2, k1, k2 = (x[..., c::2] for x in (q, k) for c in (0, 1))
    same = q1[..., :, None, :] * k1[..., None, :, :] + q2[..., :, None, :] * k2[..., None, :, :]
    cross = q1[..., :, None, :] * k2[..., None, :, :] - q2[..., :, None, :] * k1[..., None, :, :]
    angle = relative[..., None] * theta  # (T, S, D/2)
    return (same * angle.cos() + cross * angle.sin()).sum(-1)


def draw_qk(length, width, heads=3):
    """Draw queries and keys (2, H, T, D)."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 2, heads, length, width, generator=generator, dtype=torch.float64)


def check_scores(position, relative, theta, T):
    """Compare a position with relative positions r_ij, whole and in blocks of query rows."""
    pos, (q, k) = torch.arange(T, dtype=torch.float64), draw_qk(T, 2 * len(theta))
    expected = general_scores(q, k, relative(pos[:, None], pos), theta)
    seen = torch.ones(T, T).tril() > 0  # keys in the future may have any finite score
    for rows, keys in (
        (slice(0, T), slice(0, T)),
        (slice(0, 3), slice(0, 3)),
        (slice(T - 5, T - 1), slice(0, T - 1)),
        (slice(T - 5, T - 1), slice(T - 9, T - 1)),
        (torch.tensor([2, T // 2, T - 1]), slice(0, T)),
    ):
        scores = position.scores(q[:, :, rows], k[:, :, keys], pos[rows], pos[keys])
        difference = (scores - expected[:, :, rows][..., keys])[..., seen[rows][:, keys]]
        assert scores.isfinite().all() and difference.abs().max() < 1e-12
