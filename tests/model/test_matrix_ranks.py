from types import SimpleNamespace

import polars as pl
import pytest
import torch

from kexue_pipe.core.contracts import Attention, Batch, Position, RowBlock
from kexue_pipe.core.matrix_rank import averaging, ranks
from kexue_pipe.model import matrix_ranks as module

B, T = 3, 20
TOKENS = torch.randint(1, 6, (B, T), generator=torch.Generator().manual_seed(0))


class Mixed(Attention):
    """Averaging in head 0, weights by the token of the key in head 1, nothing in head 2."""

    def row_blocks(self, x, pos, position, queries):
        for part in queries.split(7):
            keys = torch.arange(int(part[-1]) + 1)
            mask = keys <= part[:, None]
            sizes = torch.stack([torch.ones_like(x), x, 0 * x], 1)[:, :, None, : len(keys), 0]
            weights = sizes * mask
            weights = weights / weights.sum(-1, keepdim=True).clamp(min=1e-30)
            yield RowBlock(part, mask, weights.masked_fill(~mask, 9.0), sizes, False)


def measured(*attentions):
    model = SimpleNamespace(
        position=Position(),
        attentions=attentions,
        ids=lambda tokens, grids: torch.arange(tokens.shape[1]).float(),
        attention_inputs=lambda tokens, pos: [tokens[..., None].double()] * len(attentions),
    )
    extensions = {"none": lambda model, *, length: model}
    return module.matrix_ranks(model, Batch(TOKENS, TOKENS), extensions)


def of(frame, metric, head):
    (row,) = frame.filter(metric=metric, head=head).to_dicts()
    assert (row["length"], row["bin_lo"], row["bin_hi"], row["n_rows"]) == (T, 1, T + 1, B)
    return row["sum"], row["sum_sq"]


def test_sums_are_those_of_the_whole_matrices_of_all_documents():
    frame = measured(Mixed())
    weights = torch.stack([torch.diag(tokens.double()) for tokens in TOKENS])
    matrices = torch.ones(T, T).double().tril() @ weights
    found = ranks((matrices / matrices.sum(-1, keepdim=True)).numpy())
    for metric, each in found.items():
        total, square = of(frame, metric, 1)
        assert total == pytest.approx(each.sum().item())
        assert square == pytest.approx((each**2).sum().item())


def test_averaging_has_the_rank_that_stands_beside_it():
    frame, flat = measured(Mixed()), ranks(averaging(T))
    for metric, each in flat.items():
        assert of(frame, metric, 0) == pytest.approx(of(frame, f"{metric}_uniform", 0))
        assert of(frame, metric, 0)[0] == pytest.approx(B * each.item())


def test_a_head_that_reads_nothing_has_no_rank():
    frame = measured(Mixed()).filter(pl.col("head") == 2)
    assert set(frame["metric"]) == {"erank_uniform", "srank_uniform"}


def test_without_rows_over_the_whole_context_or_beyond_the_limit_there_is_none(monkeypatch):
    assert measured().is_empty()
    monkeypatch.setattr(module, "LONGEST", T - 1)
    assert measured(Mixed()).is_empty()
