"""What every file of conf/metric must satisfy."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from kexue_pipe.core.contracts import RowBlock

FILES = {p.stem: p for p in sorted((Path(__file__).parents[2] / "conf/metric").glob("*.yaml"))}
# read which key stands where; noise is drawn key by key
ORDERED = {"dist_mean", "dist_ratio", "local_mass", "sink_mass", "noise_gain"}
CLONABLE = {"conc", "s12", "gini", "frac_below", "output_power", "row_sum", "neg_mass"}
B, H, R, S = 2, 3, 5, 31


def _node(name):
    return OmegaConf.to_container(OmegaConf.load(FILES[name]))


def _knobs(name):
    return {key: value for key, value in _node(name).items() if not key.startswith("_")}


def _metric(name, **knobs):
    node = {"_target_": _node(name)["_target_"], "_partial_": True}
    return instantiate(node | _knobs(name) | knobs)


def _block(seed=0, spread=2.0):
    generator = torch.Generator().manual_seed(seed)
    queries = torch.tensor([0, 1, 16, 23, 30])
    keys = torch.arange(S)
    mask = (keys <= queries[:, None]) & (keys > queries[:, None] - 29)
    scores = spread * torch.randn(B, H, R, S, generator=generator, dtype=torch.float64)
    weights = scores.masked_fill(~mask, -torch.inf).softmax(-1)
    values = torch.randn(B, H, S, 3, generator=generator)
    return RowBlock(queries, mask, weights, values, row_stochastic=True)


def _with(block, **fields):
    return replace(block, **fields)


@pytest.fixture(params=FILES)
def name(request):
    return request.param


def test_shape_type_and_undefined_rows(name):
    for dtype in (torch.float32, torch.float64):
        block = _block()
        values = _metric(name)(_with(block, weights=block.weights.to(dtype)))
        assert values.shape == (B, H, R) and values.dtype == torch.float64
        assert values[..., 0].isnan().all(), "a row of one key is undefined"
        assert values[..., 1:].isfinite().all()


def test_a_row_does_not_depend_on_the_rows_beside_it(name):
    block = _block()
    whole = _metric(name)(block)[..., 2:4]
    part = _with(block, queries=block.queries[2:4], mask=block.mask[2:4])
    part = _with(part, weights=block.weights[..., 2:4, :])
    torch.testing.assert_close(_metric(name)(part), whole, rtol=0, atol=1e-12)


def test_masked_keys_change_nothing(name):
    block = _block()
    garbage = _with(block, weights=block.weights.masked_fill(~block.mask, torch.nan))
    expected, found = _metric(name)(block), _metric(name)(garbage)
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


def test_masked_keys_are_not_zeros(name):
    block = _block()
    cut = _with(block, mask=block.mask[3:4, :24], queries=block.queries[3:4])
    cut = _with(cut, weights=block.weights[..., 3:4, :24], values=block.values[..., :24, :])
    expected = _metric(name)(block)[..., 3:4]
    torch.testing.assert_close(_metric(name)(cut), expected, rtol=0, atol=1e-12)


def test_rows_without_weight_are_undefined_and_do_not_crash(name):
    block = _block()
    zero = _metric(name)(_with(block, weights=torch.zeros_like(block.weights)))
    assert zero.isnan().all() or (name == "null_mass" and (zero[..., 1:] == 1).all())
    broken = _metric(name)(_with(block, weights=torch.full_like(block.weights, torch.nan)))
    assert broken.isnan().all()


def test_order_of_keys_matters_to_distances_only(name):
    block = _block()
    order = torch.randperm(S, generator=torch.Generator().manual_seed(5))
    moved = _with(block, mask=block.mask[:, order], weights=block.weights[..., order])
    moved = _with(moved, values=block.values[..., order, :])
    before, after = _metric(name)(block), _metric(name)(moved)
    same = torch.allclose(before, after, rtol=0, atol=1e-12, equal_nan=True)
    assert same == (name not in ORDERED)


@pytest.mark.parametrize("cloned", sorted(FILES.keys() - ORDERED - {"null_mass"}))
def test_duplicated_keys(cloned):
    block = _block()
    twice = _with(
        block,
        mask=torch.cat([block.mask, block.mask], -1),
        weights=torch.cat([block.weights, block.weights], -1) / 2,
        values=torch.cat([block.values, block.values], -2),
    )
    before, after = (_metric(cloned)(rows)[..., 2:] for rows in (block, twice))
    assert torch.allclose(before, after, rtol=0, atol=1e-12) == (cloned in CLONABLE)


def test_knobs_are_alive(name):
    default = _metric(name)(_block())
    for key, value in _knobs(name).items():
        changed = _metric(name, **{key: type(value)(value / 2 if key == "share" else value * 2)})(
            _block()
        )
        assert not torch.allclose(changed, default, equal_nan=True), key


def test_metadata_for_the_report(name):
    text = FILES[name].read_text().splitlines()
    assert text[0] == f"# @package metric.{name}"
    assert text[1].startswith("# ") and text[1].endswith(".")
    node = _node(name)
    assert node.get("_allowed_", {}).keys() == _knobs(name).keys()
    assert node["_unit_"] and node["_range_"]
    assert node["_sparser_"] in ("smaller", "larger", None)
    assert node["_across_lengths_"] is None or isinstance(node["_across_lengths_"], str)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_random_rows_and_masks_stay_in_range(data):
    chosen = data.draw(st.sampled_from(list(FILES)))
    num_keys = data.draw(st.integers(2, 12))
    visible = data.draw(st.lists(st.booleans(), min_size=num_keys, max_size=num_keys))
    sizes = st.floats(0, 1e6, allow_subnormal=False)
    weights = data.draw(st.lists(sizes, min_size=num_keys, max_size=num_keys))
    mask = torch.tensor([visible])
    a = torch.tensor(weights, dtype=torch.float64)[None, None, None]
    block = RowBlock(torch.tensor([num_keys - 1]), mask, a, torch.zeros(1, 1, num_keys, 1), False)
    value = _metric(chosen)(block).item()
    count, total = sum(visible), (a * mask).sum()
    if count < 2 or total == 0:
        assert value != value or chosen == "null_mass"
        return
    bound = {"entropy": torch.tensor(count).log(), "conc": torch.tensor(count).log()}
    bound |= {
        "n_eff": count,
        "pr": count,
        "cover": count,
        "row_sum": torch.inf,
        "dist_mean": num_keys,
        "dist_ratio": num_keys,
    }
    assert value != value or -1e-9 <= value <= bound.get(chosen, 1) + 1e-6
