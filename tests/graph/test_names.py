"""Canonical names: equal configurations have one name, and the name leads back to them."""

import pytest
from hydra import compose
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from kexue_pipe.core.spelling import split_name
from kexue_pipe.graph.compose import GROUPS, apply, base, resolve
from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.names import stage_name, variant, variant_of_name
from kexue_pipe.graph.options import COLLECTIONS
from kexue_pipe.graph.request import parse

CHOICES = {
    "task": ["text", "repeat"],
    "position": ["none", "sinusoidal", "rope", "alibi"],
    "attention": ["softmax", "logn", "window"],
    "attention.scale": ["rsqrt", "logn"],
    "attention/mask": ["causal", "window"],
    "size": ["smoke", "small"],
    "extension": ["[none]", "[none,truncate]", "[truncate,none]"],
    "optimizer.lr": ["0.004", "4e-3", "1e-2"],
    "task.evaluate.lengths": ["[64]", "64", "[64,128]", "null"],
    "task.train.steps": ["600", "7"],
}
overrides = st.fixed_dictionaries({}, optional={k: st.sampled_from(v) for k, v in CHOICES.items()})


def name(*texts: str) -> str:
    return variant(list(texts)).name


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["task=repeat", "attention=logn", "attention/mask=window", "size=smoke"],
        ["task=codes", "position=rope_3d", "quantizer=vq"],
    ],
)
def test_choices_compose_as_hydra_composes_them(texts: list[str]) -> None:
    found = base(parse(texts).choices)
    composed = compose("config", texts, return_hydra_config=True)
    chosen = composed.hydra.runtime.choices.items()
    assert found.chosen == {k: v for k, v in chosen if "hydra/" not in k and "@" not in k}
    single = [group for group in GROUPS if group not in COLLECTIONS]
    nodes = OmegaConf.to_container(composed)
    assert {g: found.nodes[g] for g in single} == {g: nodes[g] or {} for g in single}


@pytest.mark.parametrize("path", [None, "a", "${size.width}", "a ${size.width}", "${oc.env:PATH}"])
def test_interpolations_are_resolved_as_omegaconf_resolves_them(path: str | None) -> None:
    nodes = apply(parse(["task=repeat", "size.width=48"]))
    nodes["task"] = nodes["task"] | {"path": path, "all": "${size}"}
    resolved = resolve(nodes)
    assert resolved == OmegaConf.to_container(OmegaConf.create(nodes), resolve=True)
    assert resolved["task"]["all"]["width"] == 48


@settings(deadline=None, max_examples=30)
@given(overrides, st.randoms(use_true_random=False))
def test_a_name_leads_back_to_its_configuration(chosen: dict[str, str], random) -> None:
    texts = [f"{key}={value}" for key, value in chosen.items()]
    found = variant(texts)
    again = variant_of_name(found.name)
    assert (again.nodes, again.chosen) == (found.nodes, found.chosen)
    random.shuffle(texts)
    assert variant(texts).name == found.name
    assert found.name.startswith("task=")
    assert split_name(found.name)[1:] == sorted(split_name(found.name)[1:])


@pytest.mark.parametrize(
    ("spellings", "canonical"),
    [
        ([[], ["task=text"], ["position=rope"], ["position.base=10000"]], "task=text"),
        (
            [
                ["attention=logn"],
                ["attention.scale=logn"],
                ["attention/scale=logn"],
                ["attention=softmax", "attention.scale=logn", "attention.mask=causal"],
            ],
            "task=text,attention=logn",
        ),
        (
            [
                ["attention=logn", "attention.mask=window"],
                ["attention=window", "attention.scale=logn"],
                ["attention/mask=window", "attention/scale=logn"],
            ],
            None,
        ),
        ([["position.base=500"], ["position.base=500.0"], ["position.base=5e2"]], None),
        ([["task.evaluate.lengths=64"], ["task.evaluate.lengths=[64]"]], None),
        ([["extension=[window,none]"], ["extension=[none,window,none]"]], None),
    ],
)
def test_spellings_of_one_configuration_have_one_name(
    spellings: list[list[str]], canonical: str | None
) -> None:
    names = {name(*texts) for texts in spellings}
    assert len(names) == 1
    assert canonical is None or names == {canonical}


def test_examples() -> None:
    assert name("position=alibi", "task=repeat") == "task=repeat,position=alibi"
    assert name("position.base=500") == "task=text,position.base=500"


def test_training_has_the_name_without_what_evaluation_reads() -> None:
    full = name("extension.ntk.k=4", "task.evaluate.lengths=[64]", "position.base=500")
    assert stage_name(full, "train") == "task=text,position.base=500"
    assert stage_name(full, "evaluate") == full


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (["position=ropee"], "did you mean rope"),
        (["position.bass=3"], "position=rope has no key bass; did you mean base"),
        (["position.base=abc"], "a number is needed"),
        (["position.base=true"], "a number is needed"),
        (["position.base=0.5"], r"a number in \(1, inf\)"),
        (["task.train.steps=1.5"], "a whole number is needed"),
        (["task.train=3"], "is a node"),
        (["model.width=8"], "follows size.width"),
        (["position._target_=os.system"], "has no key _target_"),
        (["nonsense=1"], "no such group or key"),
        (["task=patches", "position=alibi"], "position is not read by model=autoencoder"),
        (["quantizer=fsq"], "quantizer is not read by model=decoder"),
        (
            ["attention=linear", "position=alibi"],
            "position=alibi does not go with attention=linear",
        ),
        (["position=alibi", "extension.ntk.k=4"], "extension=ntk does not apply"),
        (["position=alibi", "extension=[none,ntk]"], "extension=ntk does not apply"),
        (["task.path=" + "x" * 300], "200 are allowed"),
        (["quantizer.bound=tan", "task=patches", "quantizer=fsq"], "one of tanh"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_it(texts: list[str], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence) as error:
        variant(texts)
    assert "\n" not in str(error.value)


def test_an_extension_that_does_not_apply_is_left_out_when_it_is_not_named() -> None:
    assert "ntk" in variant([]).nodes["extension"]
    assert "ntk" not in variant(["position=alibi"]).nodes["extension"]


def test_another_spelling_is_refused_with_the_canonical_name() -> None:
    with pytest.raises(Refused, match="ask for task=text$"):
        variant_of_name("task=text,position=rope")
