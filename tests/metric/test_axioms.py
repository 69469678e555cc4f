"""The axioms of sparsity (Hurley & Rickard, arXiv 0811.4706), one row per implemented measure.

D1 Robin Hood, D2 scaling, D3 rising tide, D4 cloning, P1 Bill Gates, P2 babies. A cell says `yes`
(strict; equal for D2 and D4), `weak` (never violated, sometimes equal) or `no` (violated).
"""

from functools import partial

import pytest
import torch

from kexue_pipe.metric.conc import conc
from kexue_pipe.metric.entropy import entropy
from kexue_pipe.metric.entropy_norm import entropy_norm
from kexue_pipe.metric.frac_below import frac_below
from kexue_pipe.metric.gini import gini
from kexue_pipe.metric.hoyer import hoyer
from kexue_pipe.metric.n_eff import n_eff
from kexue_pipe.metric.pmax import pmax
from kexue_pipe.metric.pr import pr
from kexue_pipe.metric.s12 import s12
from kexue_pipe.metric.topk_mass import topk_mass

SMALLER, LARGER = -1, 1  # which way a measure goes when a row gets sparser
TABLE = {  # measure: orientation, then the expected cells
    entropy: (SMALLER, "yes yes yes no yes weak"),
    n_eff: (SMALLER, "yes yes yes no yes weak"),
    pr: (SMALLER, "yes yes yes no yes weak"),
    conc: (LARGER, "yes yes yes yes yes yes"),
    s12: (SMALLER, "yes yes yes yes yes yes"),
    gini: (LARGER, "yes yes yes yes yes yes"),
    hoyer: (LARGER, "yes yes yes no yes yes"),
    entropy_norm: (SMALLER, "yes yes yes no yes yes"),
    pmax: (LARGER, "weak yes yes no yes weak"),
    topk_mass: (LARGER, "weak yes yes no yes weak"),
    frac_below: (LARGER, "no yes weak yes weak no"),
}
KNOBS = {topk_mass: {"k": 3}, frac_below: {"c": 0.5}}
AXIOMS = ("D1", "D2", "D3", "D4", "P1", "P2")
EQUALITIES = ("D2", "D4")
DRAWS, KEYS = 1500, 9
ROUNDING = 1e-12  # of float64 sums over a few keys; a strict inequality is larger


def _pairs(axiom, generator):
    """Give rows (DRAWS, n) and what the axiom says is sparser (equally sparse for D2, D4)."""
    x = torch.randn(DRAWS, KEYS, generator=generator, dtype=torch.float64)
    x = x.exp().sort(-1).values
    x[: DRAWS // 4, :3] = 0.0  # rows with keys of no weight
    amount = torch.rand(DRAWS, generator=generator, dtype=torch.float64) + 0.05
    if axiom == "D1":  # give part of a large entry to a smaller one without swapping them
        low = int(torch.randint(KEYS - 4, (), generator=generator))
        high = low + 4  # in order of size, so that the two are no near-tie
        poorer = x.clone()
        share = amount / 2.2 * (x[:, high] - x[:, low])
        poorer[:, high] -= share
        poorer[:, low] += share
        return poorer, x
    if axiom == "D2":
        return x, 7 * x
    if axiom == "D3":
        return x + amount[:, None], x
    if axiom == "D4":
        return x, torch.cat([x, x], -1)
    if axiom == "P1":  # beyond some size: both rows already have the entry far above the rest
        rich = x.clone()
        rich[:, 2] += 30 * x.sum(-1)
        richer = rich.clone()
        richer[:, 2] += amount * rich[:, 2]
        return rich, richer
    return x, torch.cat([x, torch.zeros(DRAWS, 1, dtype=torch.float64)], -1)


@pytest.mark.parametrize("axiom", AXIOMS)
@pytest.mark.parametrize("metric", TABLE, ids=lambda metric: metric.__name__)
def test_cell_of_the_axiom_table(metric, axiom, measure):
    orientation, cells = TABLE[metric]
    expected = cells.split()[AXIOMS.index(axiom)]
    sparsity = partial(measure, metric, **KNOBS.get(metric, {}))
    generator = torch.Generator().manual_seed(0)
    gains = []
    for _ in range(8):  # each draw of pairs moves other entries
        less, more = _pairs(axiom, generator)
        gains.append(orientation * (sparsity(more) - sparsity(less)))
    gain = torch.cat(gains)
    if axiom in EQUALITIES:
        assert (gain.abs().max() < ROUNDING) == (expected == "yes")
    elif expected == "yes":
        assert gain.min() > ROUNDING
    elif expected == "weak":
        assert gain.min() > -ROUNDING and gain.min() < ROUNDING
    else:
        assert gain.min() < -ROUNDING


def test_every_sparsity_measure_has_a_row(sparsity_measures):
    assert {metric.__name__ for metric in TABLE} == sparsity_measures
