"""The axioms of sparsity (Hurley & Rickard, arXiv 0811.4706): what each yaml says is what is found.

Robin Hood (D1), scaling (D2), rising tide (D3), cloning (D4), Bill Gates (P1), babies (P2). A cell
of `_axioms_` says `strict` or, where a measure may stay as it is, `weak`; `holds` for the two that
ask for equality; `fails` where some row violates the axiom.
"""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from kexue_pipe.graph.plans import component

CONF = Path(__file__).parents[2] / "conf" / "metric"
NODES = {p.stem: OmegaConf.to_container(OmegaConf.load(p)) for p in sorted(CONF.glob("*.yaml"))}
MEASURES = [name for name, node in NODES.items() if "_axioms_" in node]
ORIENTATION = {"smaller": -1, "larger": 1}  # of a measure when a row gets sparser
KNOBS = {"topk_mass": {"k": 3}, "frac_below": {"c": 0.5}, "cover": {"share": 0.6}}
KNOBS |= {"cover_ratio": KNOBS["cover"]}  # so that rows of nine keys show what the axioms ask
AXIOMS = ("robin_hood", "scaling", "rising_tide", "cloning", "bill_gates", "babies")
EQUALITIES = ("scaling", "cloning")
DRAWS, KEYS = 1500, 9
ROUNDING = 1e-12  # of float64 sums over a few keys; a strict inequality is larger


def _pairs(axiom, generator):
    """Give rows (DRAWS, n) and what the axiom says is sparser (equally sparse for EQUALITIES)."""
    x = torch.randn(DRAWS, KEYS, generator=generator, dtype=torch.float64)
    x = x.exp().sort(-1).values
    x[: DRAWS // 4, :3] = 0.0  # rows with keys of no weight
    amount = torch.rand(DRAWS, generator=generator, dtype=torch.float64) + 0.05
    if axiom == "robin_hood":  # give part of a large entry to a smaller one without swapping them
        low = int(torch.randint(KEYS - 4, (), generator=generator))
        high = low + 4  # in order of size, so that the two are no near-tie
        poorer = x.clone()
        share = amount / 2.2 * (x[:, high] - x[:, low])
        poorer[:, high] -= share
        poorer[:, low] += share
        return poorer, x
    if axiom == "scaling":
        return x, 7 * x
    if axiom == "rising_tide":
        return x + amount[:, None], x
    if axiom == "cloning":
        return x, torch.cat([x, x], -1)
    if (
        axiom == "bill_gates"
    ):  # beyond some size: both rows already have the entry far above the rest
        rich = x.clone()
        rich[:, 2] += 30 * x.sum(-1)
        richer = rich.clone()
        richer[:, 2] += amount * rich[:, 2]
        return rich, richer
    return x, torch.cat([x, torch.zeros(DRAWS, 1, dtype=torch.float64)], -1)


@pytest.mark.parametrize("axiom", AXIOMS)
@pytest.mark.parametrize("name", MEASURES)
def test_what_the_yaml_says_of_an_axiom(name, axiom, measure):
    node = NODES[name]
    metric = instantiate(component(node) | KNOBS.get(name, {}))
    expected = node["_axioms_"][axiom]
    generator = torch.Generator().manual_seed(0)
    gains = []
    for _ in range(8):  # each draw of pairs moves other entries
        less, more = _pairs(axiom, generator)
        gains.append(
            ORIENTATION[node["_sparser_"]] * (measure(metric, more) - measure(metric, less))
        )
    gain = torch.cat(gains)
    if axiom in EQUALITIES:
        assert expected == ("holds" if gain.abs().max() < ROUNDING else "fails")
    elif gain.min() < -ROUNDING:
        assert expected == "fails"
    else:
        assert expected == ("strict" if gain.min() > ROUNDING else "weak")


def test_every_sparsity_measure_says_what_it_satisfies():
    sparsity = [name for name, node in NODES.items() if node["_sparser_"]]
    assert MEASURES == sparsity
    assert all(tuple(NODES[name]["_axioms_"]) == AXIOMS for name in MEASURES)


@pytest.mark.parametrize("name", MEASURES)
def test_what_compares_across_lengths_survives_cloning_or_says_why_it_need_not(name):
    node = NODES[name]
    if node["_axioms_"]["cloning"] == "holds":
        assert node["_across_lengths_"] == "duplicating every key leaves it unchanged"
    else:
        assert name in ("entropy", "n_eff", "topk_mass") or node["_across_lengths_"] is None


def test_gini_is_not_the_only_measure_that_satisfies_all_axioms():
    perfect = {"strict", "holds"}
    every = {n for n in MEASURES if set(NODES[n]["_axioms_"].values()) <= perfect}
    assert every == {"gini", "s12", "conc"}
