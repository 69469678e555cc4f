from types import SimpleNamespace

import polars as pl
import pytest
import torch

from kexue_pipe.backend.rows import rows
from kexue_pipe.core.contracts import Attention, Batch, Position, RowBlock
from kexue_pipe.model.attention_statistics import attention_statistics, query_positions

B, T, H, V = 3, 50, 2, 5
ROWS = 6
TOKENS = torch.randint(V, (B, T), generator=torch.Generator().manual_seed(0))


class Weighted(Attention):
    """Rows that weigh key token v by 1 + v in head 0 and by 1 + v^2 in head 1."""

    def __init__(self, width):
        super().__init__()
        self.width = width

    def row_blocks(self, x, pos, position, queries):
        tokens = x[..., 0]
        sizes = torch.stack([1 + tokens, 1 + tokens**2], 1)  # (B, H, S)
        for part in queries.split(5):
            distance = part[:, None] - torch.arange(x.shape[1])
            mask = (distance >= 0) & (distance < self.width)
            weights = sizes[:, :, None] * mask
            weights = weights / weights.sum(-1, keepdim=True)
            yield RowBlock(part, mask, weights, sizes[..., None], row_stochastic=True)


def model(width=T):
    """Two layers that read the tokens themselves."""
    return SimpleNamespace(
        position=Position(),
        attentions=[Weighted(width), Weighted(3)],
        ids=lambda tokens, grids: torch.arange(tokens.shape[1]).float(),
        attention_inputs=lambda tokens, pos: [tokens[..., None].float()] * 2,
    )


def largest(block):
    return block.weights.amax(-1)


def keys(block):
    return block.mask.sum(-1).double().expand(block.weights.shape[:3])


def undefined_at_even_queries(block):
    return keys(block).masked_fill(block.queries % 2 == 0, torch.nan)


METRICS = {"largest": largest, "keys": keys, "odd": undefined_at_even_queries}


def run(tokens=TOKENS, metrics=METRICS, rows_per_bin=ROWS, **extensions):
    extensions = extensions or {"none": lambda model, *, length: model}
    return attention_statistics(
        model(), Batch(tokens, tokens), extensions, metrics, rows_per_bin, rows
    )


def pick(frame, **values):
    return frame.filter(*(pl.col(column) == value for column, value in values.items()))


def test_sums_are_those_of_the_sampled_rows():
    frame = run()
    queries = torch.cat(query_positions(T, ROWS))
    (block,) = [
        RowBlock(
            queries,
            torch.cat([b.mask for b in blocks]),
            torch.cat([b.weights for b in blocks], 2),
            blocks[0].values,
            True,
        )
        for blocks in [list(Weighted(T).row_blocks(TOKENS[..., None].float(), None, None, queries))]
    ]
    values = largest(block).double()  # (B, H, R)
    for row in pick(frame, layer=0, metric="largest").to_dicts():
        inside = (queries + 1 >= row["bin_lo"]) & (queries + 1 < row["bin_hi"])
        expected = values[:, row["head"], inside]
        assert row["n_rows"] == expected.numel()
        assert row["sum"] == pytest.approx(expected.sum().item(), rel=1e-6)
        assert row["sum_sq"] == pytest.approx(expected.square().sum().item(), rel=1e-6)


def test_rows_are_binned_by_their_visible_keys_not_by_position():
    windowed = pick(run(), layer=1, metric="keys", head=0)
    assert windowed["bin_lo"].to_list() == [2]
    assert windowed["n_rows"].sum() == B * sum(len(q) for q in query_positions(T, ROWS))
    whole = pick(run(), layer=0, metric="keys", head=1)
    assert whole["bin_lo"].to_list() == [2, 4, 8, 16, 32]
    mean = whole["sum"] / whole["n_rows"]
    assert ((mean >= whole["bin_lo"]) & (mean < whole["bin_hi"])).all()


def test_undefined_rows_are_neither_summed_nor_counted():
    frame = pick(run(rows_per_bin=T), layer=0, head=0)
    odd, every = pick(frame, metric="odd"), pick(frame, metric="keys")
    assert odd["n_rows"].to_list() == [B * n for n in (1, 2, 4, 8, 10)]
    assert every["n_rows"].to_list() == [B * n for n in (2, 4, 8, 16, 19)]
    assert odd["sum"].to_list() == [
        B * sum(range(lo, min(2 * lo, 51), 2)) for lo in (2, 4, 8, 16, 32)
    ]


def test_a_metric_that_is_never_defined_has_no_row():
    frame = run(metrics={"nan": lambda block: keys(block) * torch.nan})
    assert frame.is_empty() and "sum_sq" in frame.columns


def test_one_pass_gives_the_rows_of_every_shorter_length():
    long, short = (
        pick(f, layer=0).filter(pl.col("bin_hi") <= 32) for f in (run(), run(TOKENS[:, :31]))
    )
    assert long.drop("length").equals(short.drop("length"))


def test_extensions_change_the_rows():
    frame = run(none=lambda m, *, length: m, window=lambda m, *, length: model(width=4))
    assert pick(frame, extension="window", metric="keys")["bin_lo"].max() == 4
    assert pick(frame, extension="none", metric="keys")["bin_lo"].max() == 32
    assert set(frame["length"]) == {T}


def test_a_single_token_has_no_row():
    assert run(TOKENS[:, :1]).is_empty()


def test_query_positions_are_a_fixed_sample_of_each_octave():
    samples = query_positions(40, 6)
    assert [s.tolist() for s in samples[:2]] == [[1, 2], [3, 4, 5, 6]]
    for k, sample in enumerate(samples[2:-1], start=3):
        assert len(sample) == len(sample.unique()) == 6
        assert 2**k <= sample[0] + 1 and sample[-1] + 1 < 2 ** (k + 1)
        assert torch.equal(sample, query_positions(1000, 6)[k - 1])
    assert query_positions(1, 6) == []
