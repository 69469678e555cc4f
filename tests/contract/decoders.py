"""What the contracts of positions, attentions and extensions share: every yaml, small decoders."""

from functools import cache
from types import SimpleNamespace
from typing import Any

import torch
from omegaconf import OmegaConf

from kexue_pipe.core.components import build_model
from kexue_pipe.graph.options import CONF
from kexue_pipe.graph.plans import component

V = 11  # vocabulary
COMPOSED: dict[tuple[str, ...], dict[str, Any]] = {}  # composing takes longer than most tests


@cache
def read_yaml(path):
    return OmegaConf.to_container(OmegaConf.load(CONF / f"{path}.yaml"))


def facts(path, kind):
    """The facts that a yaml file, its parts, or the one that it starts from, gives or needs."""
    folder = path.rpartition("/")[0]
    files, parts = _sources(folder, path)
    files += [f"{folder}/{group}/{option}" for group, option in parts.items()]
    return set().union(*(read_yaml(file).get(kind, []) for file in files))


def _sources(folder, path):
    """The yaml files that one is made of, and its choice of parts, overrides applied."""
    files, parts = [path], {}
    for entry in read_yaml(path).get("defaults", []):
        if isinstance(entry, dict):
            own = {key.removeprefix("override "): option for key, option in entry.items()}
            parts |= {key: option for key, option in own.items() if "@" not in key}
        elif entry != "_self_":
            inherited, chosen = _sources(folder, f"{folder}/{entry}")
            files, parts = files + inherited, chosen | parts
    return files, parts


def small_decoder(nodes):
    task = SimpleNamespace(vocabulary_size=V, train_length=nodes["task"]["train_length"])
    groups = ("model", "position", "position_ids", "attention")
    read = {group: component(nodes[group]) for group in groups}
    return build_model(read, task, 0)


def draw_tokens(length, batch=2):
    return torch.randint(V, (batch, length), generator=torch.Generator().manual_seed(0))
