"""The evaluation of autoencoders: exact sums, code usage, and the pictures of the report."""

from functools import partial
from io import BytesIO
from math import inf, log, log2

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from kexue_pipe.core.code_usage import code_usage
from kexue_pipe.core.initialise import initialise
from kexue_pipe.core.lossless import lossless_rates
from kexue_pipe.core.tables import TABLES
from kexue_pipe.model import reconstruction
from kexue_pipe.model.autoencoder import Autoencoder
from kexue_pipe.quantizer.estimator.ste import STE
from kexue_pipe.quantizer.fsq import FSQ
from kexue_pipe.quantizer.kl import GaussianKL
from kexue_pipe.quantizer.none import NoQuantizer
from kexue_pipe.quantizer.vq import VQ

LEARNING = {
    "estimator": STE(),
    "beta_codebook": 1.0,
    "gamma_commit": 0.25,
    "restart_threshold": 0.0,
    "ema_decay": 0.97,
}
QUANTIZERS = {
    "none": partial(NoQuantizer, D=5),
    "vq": partial(VQ, K=13, D=5, init="normal", **LEARNING),
    "fsq": partial(FSQ, K=256, levels=[5, 3], bound="tanh", mode="ste", eta=1e-3),
    "kl": partial(GaussianKL, D=5, beta_kl=1e-4, pixels_per_token=16),
}


class Photographs:
    """Two photographs with test tiles, and one whole photograph."""

    token_size, patch_size, train_length, out_of_domain, white = 4, 16, 16, "outside", 255
    crop = (slice(64, 192), slice(176, 304))

    def images(self, split):
        generator = torch.Generator().manual_seed(len(split))
        sizes = {"first": 5, "second": 3}
        return {k: torch.rand(n, 1, 16, 16, generator=generator) * 2 - 1 for k, n in sizes.items()}

    def whole_image(self, name):
        rows, columns = torch.linspace(-1, 1, 208), torch.linspace(-1, 1, 320)
        return (rows[:, None] * columns)[None, None]


TASK = Photographs()


def build(quantizer):
    model = Autoencoder(task=TASK, quantizer=QUANTIZERS[quantizer], channels=16, num_blocks=1)
    initialise(model, 0)
    return model


def evaluate(model):
    return reconstruction.evaluate(model=model, task=TASK, settings={})


@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_tables_have_their_schema_without_variant_and_seed(quantizer):
    for kind, frame in evaluate(build(quantizer)).items():
        expected = dict(TABLES[kind].schema)
        del expected["variant"], expected["seed"]
        assert dict(frame.schema) == expected


def test_errors_are_the_sums_over_all_tiles(monkeypatch):
    monkeypatch.setattr(reconstruction, "BATCH", 2)
    model = build("fsq")
    frame = evaluate(model)["reconstruction"]
    tiles = TASK.images("test")["first"]
    with torch.no_grad():
        out = model.quantise(tiles, torch.Generator())
        hard = ((tiles - model.decode(out.q, tiles)) ** 2).sum().item()
        bypass = ((tiles - model.decode(out.z_in, tiles)) ** 2).sum().item()
    row = frame.row(by_predicate=pl.col("image") == "first", named=True)
    assert row["squared_error"] == pytest.approx(hard, rel=1e-5)
    assert row["squared_error_bypass"] == pytest.approx(bypass, rel=1e-5)
    assert hard != pytest.approx(bypass, rel=1e-3)
    assert (row["split"], row["n_pixels"], row["n_tokens"]) == ("test", 5 * 256, 5 * 16)
    assert row["bits_nominal"] == log2(15)


def test_whole_photograph_is_stitched_from_tiles(monkeypatch):
    # a model that adds nothing: the tiles go out as they come in
    model = build("none")
    monkeypatch.setattr(model, "decode", lambda z, x: x + 0 * z.sum())
    frame = evaluate(model)["reconstruction"]
    pictures = dict(frame.select("image", "png").iter_rows())
    assert pictures["outside"] == pictures["outside (original)"]
    row = frame.row(by_predicate=pl.col("image") == "outside", named=True)
    assert (row["n_pixels"], row["n_tokens"]) == (208 * 320, 208 * 320 // 16)
    grey = np.asarray(Image.open(BytesIO(pictures["outside"])))
    expected = ((TASK.whole_image("")[0, 0, 64:192, 176:304] + 1) * 127.5).round()
    assert grey.dtype == np.uint8 and (grey == expected.numpy()).all()
    assert pictures["first"] is None


def test_joint_usage_and_digits_count_the_same_tokens():
    model = build("fsq")
    codes = evaluate(model)["codes"]
    assert codes.select("split", "level", "num_codes", "n_tokens").rows() == [
        ("test", "joint", 15, 128), ("test", "0", 5, 128), ("test", "1", 3, 128),
        ("outside", "joint", 15, 4160), ("outside", "0", 5, 4160), ("outside", "1", 3, 4160),
    ]  # fmt: skip
    with torch.no_grad():
        outs = [model.quantise(x, torch.Generator()) for x in TASK.images("test").values()]
    values = torch.cat([out.q for out in outs])
    used = [len(values.unique(dim=0)), *(len(values[:, i].unique()) for i in range(2))]
    assert codes["used"][:3].to_list() == used
    joint, *digits = codes["entropy"][:3]
    assert max(digits) <= joint <= sum(digits) + 1e-12


def test_table_of_one_factor_has_one_row_per_split_and_no_quantizer_none():
    assert evaluate(build("vq"))["codes"]["level"].to_list() == ["joint", "joint"]
    tables = evaluate(build("none"))
    assert tables["codes"].is_empty()
    assert (tables["reconstruction"]["bits_nominal"] == inf).all()


def test_evaluation_repeats_bit_for_bit_and_changes_nothing():
    model = build("vq")
    before = {k: v.clone() for k, v in model.state_dict().items()}
    first, second = evaluate(model), evaluate(model)
    assert all(first[kind].equals(second[kind]) for kind in first)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_uniform_codes_have_the_entropy_of_their_number_and_one_code_none():
    assert code_usage(torch.full((7,), 3)) == pytest.approx((7, 7, log(7), log(7) + 6 / 42))
    assert code_usage(torch.tensor([0, 9, 0])) == (1, 1, 0.0, 0.0)


def test_a_stray_token_is_no_hundredth_of_an_equal_share():
    assert code_usage(torch.tensor([1000, 1, 30, 0]))[:2] == (3, 2)  # 0.01 / 4 is 2.6 tokens


def test_correction_brings_the_entropy_of_few_tokens_closer():
    generator = torch.Generator().manual_seed(0)
    draws = torch.randint(64, (200, 128), generator=generator)
    usages = [code_usage(row.bincount(minlength=64)) for row in draws]
    plain, corrected = (sum(u[i] for u in usages) / 200 for i in (2, 3))
    assert abs(corrected - log(64)) < 0.3 * abs(plain - log(64))


def test_a_distribution_is_judged_by_its_sample_at_the_rate_of_its_divergence(monkeypatch):
    monkeypatch.setattr(reconstruction, "BATCH", 2)  # the last batch is smaller
    model = build("kl")
    row = evaluate(model)["reconstruction"].row(by_predicate=pl.col("image") == "first", named=True)
    tiles, draws = TASK.images("test")["first"], torch.Generator().manual_seed(0)
    with torch.no_grad():
        outs = [(x, model.quantise(x, draws)) for x in tiles.split(2)]
        whole = model.quantise(tiles, draws)
        sampled = sum((x - model.decode(out.sample, x)).square().sum() for x, out in outs)
        mean = (tiles - model.decode(whole.q, tiles)).square().sum()
    assert row["bits_nominal"] == pytest.approx(whole.stats["kl"] / log(2), rel=1e-5)
    assert row["squared_error"] == pytest.approx(sampled.item(), rel=1e-5)
    assert row["squared_error_bypass"] == pytest.approx(mean.item(), rel=1e-5)
    assert sampled > mean


def test_lossless_coders_read_the_pixels_that_are_reconstructed():
    levels = evaluate(build("fsq"))["levels"]
    tiles = ((torch.cat([*TASK.images("test").values()])[:, 0] + 1) * 127.5).round().byte()
    rates = lossless_rates(tiles.numpy())
    found = levels.filter(stream="test").select("level", pl.col("loss") / log(2.0)).rows()
    assert dict(found) == pytest.approx(rates)
    assert set(levels["stream"]) == {"test", "outside"} and set(levels["length"]) == {16}


def test_pixels_that_are_no_bytes_have_no_lossless_coder_and_need_no_picture(monkeypatch):
    monkeypatch.setattr(TASK, "white", None, raising=False)
    monkeypatch.setattr(TASK, "out_of_domain", None, raising=False)
    tables = evaluate(build("vq"))
    assert tables["levels"].is_empty()
    assert set(tables["reconstruction"]["split"]) == {"test"} == set(tables["codes"]["split"])
