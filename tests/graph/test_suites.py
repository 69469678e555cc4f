"""Suites: Hydra's sweep grammar, expanded into canonical names."""

from pathlib import Path

import pytest
import yaml

from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.options import CONF, options
from kexue_pipe.graph.suites import expand, expansion, load_suite, suite_names


def test_glob_takes_in_every_option_and_exclude_leaves_one_out() -> None:
    found = expand(["task=text position=glob(*,exclude=[none])"]).variants
    assert len(found) == len(options("position")) - 1
    assert "task=text,position=alibi" in found and "task=text,position=none" not in found


def test_a_variant_of_two_lines_stands_once() -> None:
    lines = ["task=text position=rope,alibi", "task=text attention=softmax,logn"]
    assert len(expand(lines).variants) == 3


def test_a_combination_that_does_not_fit_is_skipped_in_a_sweep_and_refused_alone() -> None:
    found = expand(["task=text attention=linear position=rope,alibi"])
    assert found.variants == ["task=text,attention=linear"]
    assert "attention=linear" in found.skipped[0]["reason"]
    with pytest.raises(Refused, match="does not go with"):
        expand(["task=text attention=linear position=alibi"])


def test_an_unknown_option_in_a_sweep_is_an_error_and_not_skipped() -> None:
    with pytest.raises(Refused, match="did you mean rope"):
        expand(["task=text position=ropee,alibi"])


def test_a_variant_is_a_suite_beside_the_default() -> None:
    suite = load_suite("task=text,position.base=500")
    assert expand(suite.sweeps).variants == ["task=text,position.base=500"]
    assert suite.beside == "default"


def test_an_unknown_suite_lists_those_that_exist() -> None:
    with pytest.raises(Refused, match="no such suite; known: .*default, .*smoke"):
        load_suite("nope")


# composing their variants takes a minute; claims_rates has each trained side at three rates
LARGE = {"claims", "claims_rates"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] if n in LARGE else []) for n in suite_names()],
)
def test_shipped_suites_expand(name: str) -> None:
    found = expansion(load_suite(name))
    most = 360 if name == "claims_rates" else 230  # two jobs for each: about 400 nodes of a graph
    assert 1 <= len(found.variants) <= most


@pytest.mark.slow
def test_claims_of_another_suite_are_listed_and_not_run() -> None:
    found, more = expansion(load_suite("claims")), load_suite("claims_more")
    assert set(more.claims) < set(found.claims)
    for name in more.claims:
        assert found.claims[name]["reason"] == "it is a claim of the suite claims_more"
    assert not any(name.startswith("task=copy") for name in found.variants)


def test_the_smoke_suite_stays_small() -> None:
    assert len(expand(load_suite("smoke").sweeps).variants) <= 12
    assert load_suite("smoke").seeds == 1


def test_a_suite_file_without_sweeps_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "results/suites/bad.yaml"
    path.parent.mkdir(parents=True)
    for content in ("seeds: 3\n", "sweeps: [a]\nseed: 3\n", "[1]\n", "a: [\n"):
        path.write_text(content)
        with pytest.raises(Refused, match="bad.yaml"):
            load_suite("bad")
    assert yaml.safe_load((CONF / "suite/default.yaml").read_text())["seeds"] == 3
