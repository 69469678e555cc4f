"""What the contracts of positions, attentions and extensions share: every yaml, small decoders."""

from types import SimpleNamespace
from typing import Any

import torch
from omegaconf import OmegaConf

from kexue_pipe.core.components import build_model
from kexue_pipe.graph.options import CONF
from kexue_pipe.graph.plans import component

V = 11  # vocabulary
COMPOSED: dict[tuple[str, ...], dict[str, Any]] = {}  # composing takes longer than most tests


def read_yaml(path):
    return OmegaConf.to_container(OmegaConf.load(CONF / f"{path}.yaml"))


def facts(path, kind):
    """The facts that a yaml file, or the one that it starts from, gives or needs."""
    node = read_yaml(path)
    parents = [entry for entry in node.get("defaults", []) if isinstance(entry, str)]
    inherited = [facts(f"{path.rsplit('/', 1)[0]}/{p}", kind) for p in parents if p != "_self_"]
    return set(node.get(kind, [])).union(*inherited)


def small_decoder(nodes):
    task = SimpleNamespace(vocabulary_size=V, train_length=nodes["task"]["train_length"])
    groups = ("model", "position", "position_ids", "attention")
    read = {group: component(nodes[group]) for group in groups}
    return build_model(read, task, 0)


def draw_tokens(length, batch=2):
    return torch.randint(V, (batch, length), generator=torch.Generator().manual_seed(0))
