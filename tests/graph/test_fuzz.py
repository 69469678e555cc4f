"""Whatever is written on the command line, in a name or in a yaml: a variant, or one sentence."""

from collections import Counter
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kexue_pipe.graph import suites
from kexue_pipe.graph.check import check_fit, check_nodes
from kexue_pipe.graph.compose import base, resolve
from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.names import variant, variant_of_name
from kexue_pipe.graph.shapes import check_shape

FEW, MANY = 40, 2000
KEYS = (
    "position position.base attention.mask attention/mask extension extension.yarn.k task.path "
    "task.evaluate.lengths size.width optimizer.lr seeds hydra.run.dir task chart metric .. "
    "position. _target_ position._target_ position.base.x task.train.steps"
).split()
VALUES = (
    "rope alibi null [] [1,2] {a:1} 1e999 nan -1 inf ' \" ../../x ${size.width} ${oc.env:HOME} "
    "glob(*) range(1,3) a,b true [[1]] ??? [none,[ntk]] [null] int(3) shuffle([1]) 500"
).split() + ["x" * 300, "9" * 400, "a\nb", "位置", ""]
overrides = st.text(max_size=30) | st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "", "+", "++", "~"]),
    st.sampled_from(KEYS),
    st.sampled_from(["=", "=", "=", "", "=="]),
    st.sampled_from(VALUES) | st.text(max_size=20),
)
METADATA = (
    "_target_ _allowed_ _holds_ _needs_ _gives_ _uses_ _files_ base head_width evaluate".split()
)
scalars = st.none() | st.booleans() | st.integers(-3, 300) | st.floats() | st.text(max_size=8)
words = st.sampled_from(
    ["(1, inf)", "(", "(a, b)", "options of position", "options of ..", "os.system", "base > 1",
     "kexue_pipe.position.rope.Rope", "kexue_pipe.graph.cache.Cache", "base /", "base / 0 > 1"]
)  # fmt: skip
trees = st.recursive(
    scalars | words,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(METADATA) | scalars, inner, max_size=3)
    ),
    max_leaves=8,
)
counts: Counter[str] = Counter()
fuzz = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
sizes = pytest.mark.parametrize("examples", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])


def outcome(kind: str, function, *arguments) -> None:
    """Call a function that gives something or refuses in one line; count which."""
    try:
        function(*arguments)
        counts[f"{kind} taken"] += 1
    except Refused as error:
        assert len(str(error).splitlines()) == 1
        counts[f"{kind} refused"] += 1


@pytest.fixture(autouse=True)
def told(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]):
    counts.clear()
    yield
    with capsys.disabled():
        if counts.total() >= MANY:
            print(f"\n{request.node.name}: {dict(sorted(counts.items()))}")


@sizes
def test_override_strings(examples: int) -> None:
    @settings(fuzz, max_examples=examples)
    @given(st.lists(overrides, min_size=1, max_size=3))
    def run(texts: list[str]) -> None:
        outcome("overrides", variant, texts)
        outcome("sweeps", suites.split_sweep, texts)

    run()


@sizes
def test_names(examples: int) -> None:
    @settings(fuzz, max_examples=examples)
    @given(st.text(max_size=40) | overrides.map("task=text,{}".format))
    def run(name: str) -> None:
        outcome("names", variant_of_name, name)

    run()


@sizes
def test_component_yaml(examples: int) -> None:
    start = base({})
    resolved = resolve(start.nodes)

    def check(node) -> None:
        nodes = {group: dict(own) for group, own in resolved.items()} | {"position": node}
        check_shape("position", node)
        check_fit(nodes, start.chosen, set())
        check_nodes(nodes)

    @settings(fuzz, max_examples=examples)
    @given(st.dictionaries(st.sampled_from(METADATA), trees, max_size=5))
    def run(node) -> None:
        outcome("components", check, resolved["position"] | node)

    run()


@sizes
def test_suite_yaml(examples: int, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(suites, "RUN_SUITES", tmp_path)
    keys = st.sampled_from(sorted(suites.KEYS) + ["x"])
    texts = st.text(max_size=60) | trees.map(yaml.safe_dump)
    texts |= st.dictionaries(keys, trees, max_size=4).map(yaml.safe_dump)

    @settings(fuzz, max_examples=examples)
    @given(texts)
    def run(text: str) -> None:
        (tmp_path / "fuzzed.yaml").write_text(text, encoding="utf-8")
        outcome("suites", lambda: suites.expansion(suites.load_suite("fuzzed")))

    run()


@pytest.mark.parametrize(
    "name",
    [
        "../../x", "task=..%2F..%2Fx", "task=text\nx", "x" * 300,
        "task=text,task.path=" + "x" * 300,
        "task='text", 'task="text"', "task=文本", "task=text,position=\x00", "", "/etc/passwd",
    ],
)  # fmt: skip
def test_a_hostile_name_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(Refused) as error:
        variant_of_name(name)
    assert len(str(error.value).splitlines()) == 1
