"""A variant's name writes `1.0` as `1`: a component takes either for a decimal number."""

from functools import reduce
from inspect import get_annotations

import pytest
from hydra.utils import get_class, instantiate

from kexue_pipe.core.initialise import initialise
from kexue_pipe.graph.options import CONF
from kexue_pipe.graph.plans import component
from tests.contract.decoders import read_yaml

GROUPS = ("position", "attention/scale", "quantizer")
PATHS = [path for group in GROUPS for path in sorted((CONF / group).glob("*.yaml"))]
NAMES = [str(path.relative_to(CONF).with_suffix("")) for path in PATHS]


def decimals(name):
    target = read_yaml(name).get("_target_")
    kinds = get_annotations(get_class(target).__init__) if target else {}
    return [key for key, kind in kinds.items() if kind in (float, float | None)]


@pytest.mark.parametrize("name", [name for name in NAMES if decimals(name)])
def test_a_whole_number_builds_what_its_decimal_builds(compose_nodes, name):
    *groups, option = name.split("/")
    nodes = compose_nodes([f"{'.'.join(groups)}={option}"])
    node = component(reduce(dict.__getitem__, groups, nodes))
    for key in decimals(name):
        whole = 64 if node[key] is None else max(1, round(node[key]))
        dtypes = []
        for value in (whole, float(whole)):
            built = instantiate(node | {key: value})
            initialise(built, 0)
            dtypes.append([tensor.dtype for tensor in built.state_dict().values()])
        assert dtypes[0] == dtypes[1], key
