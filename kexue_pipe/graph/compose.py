"""Compose a variant with Hydra: choices make a configuration, values change numbers in it.

One Hydra composition per set of choices; values are applied to it afterwards, so that a sweep over
numbers costs nothing. The steps of `hydra.compose` are taken one by one: each yaml is read once per
process, and Hydra's own nodes, of which no variant has any, are left out. Nothing imports torch.
"""

import re
from dataclasses import dataclass
from functools import cache, reduce
from operator import getitem
from typing import Any

from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository
from hydra._internal.defaults_list import create_defaults_list
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.options import COLLECTIONS, CONF, options, subgroups, suggest
from kexue_pipe.graph.request import Request, format_value, parse_override
from kexue_pipe.graph.shapes import check_shape

GROUPS = (
    "task", "position", "position_ids", "attention", "quantizer", "model", "optimizer", "size",
    "extension", "decode", "backend", "metric", "chart",
)  # fmt: skip
KEY = re.compile(r"\$\{(\w+(?:\.\w+)*)\}")  # an interpolation that is the value of another key


def start_hydra() -> None:
    """Point Hydra's global state at `conf/` once per process."""
    if not GlobalHydra.instance().is_initialized():
        initialize_config_dir(str(CONF), version_base="1.3")


@cache
def _loader() -> tuple[ConfigLoaderImpl, CachingConfigRepository]:
    """Give Hydra's loader, and a repository that keeps what it has read of `conf/`."""
    start_hydra()
    loader: Any = GlobalHydra.instance().config_loader()
    return loader, CachingConfigRepository(loader.repository)


@dataclass(frozen=True)
class Base:
    """A composition of choices alone: unresolved plain data, and every choice that Hydra made."""

    nodes: dict[str, Any]
    chosen: dict[str, str]


def base(choices: dict[str, Any]) -> Base:
    """Compose a set of choices; the same set is composed once per process.

    The members of a collection stand beside each other and depend on nothing, so all of them are
    composed once, and those that are asked for (by default all) are put in.
    """
    members = {group: choices.get(group, options(group)) for group in COLLECTIONS}
    rest = {group: option for group, option in choices.items() if group not in COLLECTIONS}
    start = _compose(tuple(sorted(rest.items())))
    every = _compose(tuple((group, options(group)) for group in COLLECTIONS)).nodes
    asked = {
        group: {name: every[group][name] for name in names} for group, names in members.items()
    }
    return Base(start.nodes | asked, start.chosen)


@cache
def _compose(choices: tuple[tuple[str, Any], ...]) -> Base:
    loader, files = _loader()
    texts = [f"{group}={format_value(option)}" for group, option in choices]
    try:
        overrides = [parse_override(text) for text in texts]
        found = create_defaults_list(
            files, "config", overrides, prepend_hydra=False, skip_missing=False
        )
        composed = loader._compose_config_from_defaults_list(found.defaults, files)
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise Refused(f"{' '.join(texts) or 'conf'} does not compose: {reason}") from error
    known = found.overrides.known_choices.items()
    chosen = {group: str(option) for group, option in known if group and "@" not in group}
    nodes: Any = OmegaConf.to_container(composed)
    for group in GROUPS:
        check_shape(group, nodes.get(group) or {})
    return Base({group: nodes.get(group) or {} for group in GROUPS}, chosen)


def apply(request: Request) -> dict[str, Any]:
    """Give the unresolved nodes of a request, with every value checked against its key."""
    start = base(request.choices)
    nodes = dict(start.nodes)
    for key, value in request.values.items():
        *parents, leaf = key.split(".")
        typed = _typed(start, key, value)
        node = nodes
        for parent in parents:
            node[parent] = dict(node[parent])  # what is not set stays shared
            node = node[parent]
        node[leaf] = typed
    return nodes


def resolve(nodes: dict[str, Any]) -> dict[str, Any]:
    """Resolve the interpolations of nodes as OmegaConf does, which is slow over all of them."""
    resolved: Any
    try:
        resolved = _looked_up(nodes, nodes)
    except (LookupError, TypeError, RecursionError):  # more than the value of another key
        resolved = OmegaConf.to_container(OmegaConf.create(nodes), resolve=True)
    return resolved


def _looked_up(node: Any, nodes: dict[str, Any]) -> Any:
    if isinstance(node, dict):
        return {key: _looked_up(child, nodes) for key, child in node.items()}
    if isinstance(node, list):
        return [_looked_up(child, nodes) for child in node]
    if not isinstance(node, str) or "${" not in node:
        return node
    if (key := KEY.fullmatch(node)) is None:
        raise LookupError(node)
    return _looked_up(reduce(getitem, key[1].split("."), nodes), nodes)


def _typed(start: Base, key: str, value: Any) -> Any:
    """Refuse a key that does not exist or may not be set, and a value of another type."""
    text = f"{key}={format_value(value)}"
    parent_key, _, leaf = key.rpartition(".")
    parent: Any = start.nodes
    for part in parent_key.split(".") if parent_key else []:
        parent = parent.get(part) if isinstance(parent, dict) else None
    group = key.split(".")[0]
    if not isinstance(parent, dict) or leaf not in parent or group not in GROUPS or leaf[0] == "_":
        return _refuse_key(start, text, parent_key, parent, leaf)
    old = parent[leaf]
    if isinstance(old, str) and old.startswith("${"):
        source = old[2:-1].removeprefix("oc.select:").split(",")[0]
        raise Refused(f"{text}: this key follows {source}; set {source} instead")
    if isinstance(old, dict):
        raise Refused(f"{text}: {key} is a node; set one of its keys: {_keys(old)}")
    if old is None and str(parent.get("_allowed_", {}).get(leaf)).startswith("list of "):
        return value if isinstance(value, list) or value is None else [value]
    return convert(text, value, old)


def _refuse_key(start: Base, text: str, parent_key: str, parent: Any, leaf: str) -> Any:
    if not isinstance(parent, dict) or not parent_key:
        groups = [*GROUPS, "seeds", "device", "dry_run"]
        raise Refused(f"{text}: there is no such group or key; {suggest(text, groups)}")
    chosen = start.chosen.get(parent_key.replace(".", "/"))
    where = f"{parent_key}={chosen}" if chosen and "[" not in chosen else parent_key
    known = _keys(parent)
    detail = suggest(leaf, known.split(", ")) if known else "it has none"
    raise Refused(f"{text}: {where} has no key {leaf}; {detail}")


def _keys(node: dict[str, Any]) -> str:
    return ", ".join(key for key in node if not key.startswith("_"))


def convert(text: str, value: Any, old: Any) -> Any:
    """Give a value the type of the key's default, or refuse it; null defaults take any value."""
    if old is None:
        return value
    if isinstance(old, list):
        items = value if isinstance(value, list) else [value]
        return [convert(text, item, old[0]) for item in items] if old else items
    if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(old):
        kind = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}
        raise Refused(
            f"{text}: {kind.get(type(old), 'another type')} is needed here, "
            f"as in the default {format_value(old)}"
        )
    return value


def nested_choices(start: Base, group: str) -> dict[str, str]:
    """Give the options of the groups inside a group that a composition chose."""
    return {sub: start.chosen[sub] for sub in subgroups(group) if sub in start.chosen}
