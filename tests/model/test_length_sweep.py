import math
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

from kexue_pipe.core.contracts import IGNORED, Batch, sample_rng
from kexue_pipe.model.length_sweep import context_lengths, position_edges, sweep_lengths

N, LONGEST, DOCUMENTS, V = 8, 64, 5, 7
SETTINGS = {"lengths": None, "max_factor": 8, "documents": DOCUMENTS, "streams": ["a", "b"]}


class Bigram(nn.Module):
    """A model whose next-token logits depend on the last token only; it notes its contexts."""

    def __init__(self, table):
        super().__init__()
        self.table = nn.Parameter(table)
        self.contexts = []

    def forward(self, tokens, pos=None, last=None):
        self.contexts.append(tokens)
        return self.table[tokens][:, -(last or tokens.shape[1]) :]


def documents(stream, start, count, length):
    """Random tokens; every third label of document 0 is not scored."""
    samples = [sample_rng("stub", f"test/{stream}", 0, i) for i in range(start, start + count)]
    text = torch.from_numpy(np.stack([rng.integers(0, V, length + 1) for rng in samples]))
    labels = text[:, 1:].clone()
    labels[0, ::3] = IGNORED
    return Batch(text[:, :-1], labels)


def far_documents(stream, start, count, length):
    """The same, where every label is said to stand at the start of the document."""
    documents_ = documents(stream, start, count, length)
    return documents_._replace(lags=torch.arange(length).expand(count, -1))


def no_levels(documents, last):
    return {}


TASK = SimpleNamespace(train_length=N, documents=documents, fixed_targets=True, levels=no_levels)
TABLE = torch.randn(V, V, generator=torch.Generator().manual_seed(0))
EXTENSIONS = {
    "none": lambda model, *, length: model,
    "flat": lambda model, *, length: Bigram(torch.zeros_like(model.table.data)),
}


def plain(model, *, length):
    return model


def run(
    model=None,
    tokens_per_batch=100,
    curve_extensions=("none", "flat"),
    task=TASK,
    kind="extrapolation",
    **settings,
):
    model = model or Bigram(TABLE)
    settings = SETTINGS | settings
    with torch.no_grad():
        return sweep_lengths(
            model, task, EXTENSIONS, plain, settings, tokens_per_batch, curve_extensions
        )[kind]


@pytest.fixture(scope="module")
def frame():
    return run()


@pytest.fixture(scope="module")
def losses():
    """Losses of every token of stream a, NaN where not scored, and hits."""
    tokens, labels, *_ = documents("a", 0, DOCUMENTS, LONGEST)
    logp = TABLE.double().log_softmax(-1)
    loss = -logp[tokens, labels.clamp(min=0)].masked_fill(labels == IGNORED, torch.nan)
    return loss, TABLE.argmax(-1)[tokens] == labels


def pick(frame, **values):
    return frame.filter(*(pl.col(column) == value for column, value in values.items()))


def test_fixed_sums_are_those_of_the_known_probabilities(frame, losses):
    loss, correct = (part[:, -N // 2 :] for part in losses)
    scored = ~loss.isnan()
    for row in pick(frame, stream="a", protocol="fixed", extension="none").to_dicts():
        assert (row["bin_lo"], row["bin_hi"]) == (LONGEST - N // 2, LONGEST)
        assert row["n"] == scored.sum() == DOCUMENTS * N // 2 - 2
        assert row["loss_sum"] == pytest.approx(loss.nansum().item(), rel=1e-6)
        assert row["loss_sq"] == pytest.approx(loss.square().nansum().item(), rel=1e-6)
        assert row["correct"] == (correct & scored).sum()
        assert row["documents"] == DOCUMENTS
        assert row["exact"] == (correct | ~scored).all(1).sum()


def test_every_length_scores_the_same_tokens_after_its_own_context():
    model = Bigram(TABLE)
    sums = pick(run(model, curve_extensions=(), streams=["a"]), extension="none")
    assert sums["length"].to_list() == [8, 16, 32, 64]
    assert sums["loss_sum"].n_unique() == 1
    tokens = documents("a", 0, DOCUMENTS, LONGEST).inputs
    for length in (8, 16, 32, 64):
        seen = torch.cat([c for c in model.contexts if c.shape[1] == length])
        assert torch.equal(seen, tokens[:, -length:])


def test_curve_sums_add_up_to_the_whole(frame, losses):
    loss, correct = losses
    curve = pick(frame, stream="a", protocol="curve", extension="none")
    assert curve["n"].sum() == (~loss.isnan()).sum()
    assert curve["loss_sum"].sum() == pytest.approx(loss.nansum().item(), rel=1e-6)
    assert curve["correct"].sum() == correct.sum()
    first = pick(curve, bin_lo=2).row(0, named=True)
    assert first["loss_sum"] == pytest.approx(loss[:, 2:4].nansum().item(), rel=1e-6)
    assert set(curve["length"]) == {LONGEST}


def test_every_extension_is_scored(frame):
    flat = pick(frame, extension="flat", protocol="curve")
    assert (flat["loss_sum"] / flat["n"]).to_list() == pytest.approx([math.log(V)] * len(flat))


def test_documents_that_differ_with_the_length_are_scored_whole(losses):
    whole = SimpleNamespace(**vars(TASK) | {"fixed_targets": False})
    frame = pick(run(task=whole, streams=["a"]), extension="none")
    assert set(frame["protocol"]) == {"whole"}
    for row in frame.iter_rows(named=True):
        labels = documents("a", 0, DOCUMENTS, row["length"]).targets
        assert (row["bin_lo"], row["bin_hi"]) == (0, row["length"])
        assert row["n"] == (labels != IGNORED).sum()
    loss, correct = losses
    longest = frame.row(by_predicate=pl.col("length") == LONGEST, named=True)
    assert longest["loss_sum"] == pytest.approx(loss.nansum().item(), rel=1e-6)
    assert longest["correct"] == (correct & ~loss.isnan()).sum()


def test_bins_of_lag_and_depth_hold_the_tokens_whose_answer_stands_there(losses):
    far = SimpleNamespace(**vars(TASK) | {"documents": far_documents, "fixed_targets": False})
    frame = pick(run(task=far, streams=["a"], lengths=[LONGEST]), extension="none")
    loss, _ = losses
    bins = pick(frame, bin_by="lag")
    assert bins["bin_lo"].to_list() == [1, 2, 4, 8, 16, 32]
    for row in bins.iter_rows(named=True):
        part = loss[:, row["bin_lo"] : row["bin_hi"]]
        assert row["loss_sum"] == pytest.approx(part.nansum().item(), rel=1e-6)
    (depth,) = pick(frame, bin_by="depth").rows(named=True)  # all at the start
    assert (depth["bin_lo"], depth["bin_hi"], depth["n"]) == (0, 1, (~loss.isnan()).sum())


def test_levels_are_asked_of_the_documents_that_are_scored():
    def levels(documents, last):
        assert documents.inputs.shape[0] == DOCUMENTS
        return {"width": (float(documents.inputs.shape[1]), 1 / last)}

    frame = run(task=SimpleNamespace(**vars(TASK) | {"levels": levels}), kind="levels")
    assert frame["loss"].to_list() == frame["length"].to_list() == [8, 16, 32, 64] * 2
    assert set(frame["accuracy"]) == {1 / 4} and set(frame["level"]) == {"width"}


def test_a_diverged_model_has_a_nan_sum_and_no_hit():
    frame = run(Bigram(torch.full_like(TABLE, torch.nan)))
    fixed = pick(frame, protocol="fixed", extension="none")
    assert fixed["loss_sum"].is_nan().all() and fixed["n"].min() > 0
    assert fixed["correct"].sum() == 0 and fixed["exact"].sum() == 0
    assert pick(frame, protocol="curve", extension="none")["loss_sum"].is_nan().all()


def test_size_of_batches_does_not_matter(frame):
    assert run(tokens_per_batch=1).equals(frame)


@pytest.mark.parametrize(("lengths", "scored"), [([8], 4), ([3], 1), ([1], 1), ([32, 4, 4], 2)])
def test_lengths_below_and_at_the_training_length(lengths, scored):
    frame = run(curve_extensions=(), lengths=lengths, streams=["b"])
    frame = pick(frame, extension="none")
    assert frame["length"].to_list() == sorted(set(lengths))
    assert frame["n"].max() <= scored * DOCUMENTS
    assert set(frame["bin_hi"] - frame["bin_lo"]) == {scored}


def test_default_lengths_double_up_to_the_factor():
    assert context_lengths(SETTINGS | {"max_factor": 16}, 64) == [64, 128, 256, 512, 1024]
    assert context_lengths(SETTINGS | {"max_factor": 6}, 64) == [64, 128, 256]


def test_position_bins_cover_the_document_with_about_forty_bins():
    edges = position_edges(1024, 64)
    assert edges[:3] == [0, 16, 32] and edges[-1] == 1024 and len(edges) == 33
    assert edges[17:19] == [288, 320]  # 4 N = 256 is where bins get wider
    assert position_edges(5, 3) == [0, 1, 2, 3, 4, 5]
