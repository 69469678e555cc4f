"""Canonical names: a variant is a Hydra override string, and equal configurations have one name.

The name is a function of the composed configuration alone: the task first, then the fewest choices
and values that lead there from the defaults, sorted and joined by commas.
"""

from dataclasses import dataclass
from typing import Any

from kexue_pipe.core.spelling import join_name, split_name
from kexue_pipe.graph.check import check_fit, check_nodes
from kexue_pipe.graph.compose import GROUPS, apply, base, nested_choices, resolve
from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.options import (
    COLLECTIONS,
    TEST_TIME,
    is_derived,
    options,
    parts,
    subgroups,
)
from kexue_pipe.graph.request import Request, format_value, parse

MAX_BYTES = 200


@dataclass(frozen=True)
class Variant:
    """A composed and checked variant."""

    name: str
    chosen: dict[str, str]  # option of every group, nested ones as `attention/mask`
    nodes: dict[str, Any]  # resolved configuration with its metadata
    parent: str | None  # name of the variant whose checkpoints its training starts from


def variant(overrides: list[str]) -> Variant:
    """Compose, check and name what a person asked for."""
    request = parse(overrides)
    target = apply(request)
    chosen = base(request.choices).chosen
    named = _named(request)
    nodes = resolve(target)
    check_fit(nodes, chosen, named)
    check_nodes(nodes)
    choices, texts = _canonical(request, target)
    name = join_name(texts)
    if len(name.encode()) > MAX_BYTES:
        raise Refused(
            f"{name[:60]}... is a name of {len(name.encode())} bytes and {MAX_BYTES} are allowed; "
            "put the choices into a preset yaml in conf/"
        )
    chosen = base(choices).chosen
    return Variant(name, chosen, nodes, _parent(nodes["task"], chosen, texts))


def _parent(task: dict[str, Any], chosen: dict[str, str], texts: list[str]) -> str | None:
    """Name the variant of `_parent_`, with the choices and values that a task shares with it."""
    if "_parent_" not in task:
        return None
    groups = (*task.get("_uses_", []), "size")
    keys = {text: text.partition("=")[0] for text in texts}
    shared = [t for t, k in keys.items() if k.split(".")[0] in groups and is_read(k, "train")]
    own = [f"{k}={format_value(v)}" for k, v in task["_parent_"].items() if v is not None]
    return variant([*own, *(f"{group}={chosen[group]}" for group in groups), *shared]).name


def variant_of_name(name: str) -> Variant:
    """Compose a variant from its name; another spelling is refused with the canonical name."""
    found = variant(split_name(name))
    if found.name != name:
        raise Refused(f"{name} is not the canonical name of this variant; ask for {found.name}")
    return found


def stage_name(name: str, stage: str) -> str:
    """Strip a name of everything that a stage does not read."""
    kept = [part for part in split_name(name) if is_read(part.partition("=")[0], stage)]
    return join_name(kept)


def is_read(key: str, stage: str) -> bool:
    """Tell whether a stage reads a key: training skips evaluate nodes, evaluation charts."""
    parts = key.replace("/", ".").split(".")
    if stage == "train":
        return parts[0] not in (*TEST_TIME, "chart") and "evaluate" not in parts
    return parts[0] != "chart"


def _named(request: Request) -> set[str]:
    """List the groups and the members of collections (`extension.ntk`) that are asked for."""
    keys = [*request.values]
    for group, option in request.choices.items():
        members = option if isinstance(option, tuple) else ("",)
        keys += [f"{group.replace('/', '.')}.{member}" for member in members]
    parts = [key.split(".") for key in keys]
    return {".".join(p[:2]) if p[0] in COLLECTIONS else p[0] for p in parts}


def _canonical(request: Request, target: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Give the fewest choices that lead to a configuration, and its name in parts."""
    choices = dict(request.choices)
    for group in GROUPS:
        if subgroups(group) and any(c == group or c.startswith(f"{group}/") for c in choices):
            choices = _shortest(choices, group, target)
    task = choices.pop("task", base({}).chosen["task"])
    for group in sorted(choices):
        rest = {g: o for g, o in choices.items() if g != group}
        if _leads(rest | {"task": task}, base(choices | {"task": task}).nodes):
            choices = rest
    values = _differences(base(choices | {"task": task}).nodes, target)
    texts = [f"{group.replace('/', '.')}={format_value(o)}" for group, o in choices.items()]
    texts += [f"{key}={format_value(value)}" for key, value in values.items()]
    return choices | {"task": task}, [f"task={task}", *sorted(texts)]


def _leads(choices: dict[str, Any], nodes: dict[str, Any]) -> bool:
    """Tell whether choices compose to nodes; a choice inside a group may need the group's."""
    try:
        return base(choices).nodes == nodes
    except Refused:
        return False


def _shortest(choices: dict[str, Any], group: str, target: dict[str, Any]) -> dict[str, Any]:
    """Write nested choices as the preset that leaves the fewest of them, and values, to be said."""
    others = {g: o for g, o in choices.items() if g != group and not g.startswith(f"{group}/")}
    wanted = nested_choices(base(choices), group)
    default = base(others).chosen[group]

    def described(preset: str, extra: dict[str, str]) -> tuple[tuple[Any, ...], Any] | None:
        candidate = others | {group: preset} | extra
        try:
            values = _differences(base(candidate).nodes[group], target[group])
        except KeyError:
            return None
        said = len(extra) + len(values)
        # what differs from a preset is said of the one that others start from
        derived = said > 0 and is_derived(group, preset)
        return (said, preset != default, derived, preset), candidate

    best: tuple[tuple[Any, ...], Any] | None = None
    known = {preset: parts(group, preset) for preset in options(group)}
    extras = {
        preset: {sub: option for sub, option in wanted.items() if had[sub] != option}
        for preset, had in known.items()
        if set(had) == set(wanted)
    }
    for preset, extra in sorted(extras.items(), key=lambda item: len(item[1])):
        if best and len(extra) > best[0][0]:
            break  # composing is slow, and what is left says more
        found = described(preset, extra)
        best = min(filter(None, (best, found)), key=lambda d: d[0], default=None)
    assert best, f"{group}={choices.get(group)} does not describe itself"
    return best[1]


def _differences(old: Any, new: Any, path: str = "") -> dict[str, Any]:
    """Give the leaves of `new` that differ from `old`; another set of keys is a KeyError."""
    if isinstance(old, dict) and isinstance(new, dict):
        if set(old) != set(new):
            raise KeyError(path)
        out: dict[str, Any] = {}
        for key in old:
            out |= _differences(old[key], new[key], f"{path}.{key}" if path else key)
        return out
    if path.rpartition(".")[2].startswith("_") and old != new:
        raise KeyError(path)
    return {} if old == new and type(old) is type(new) else {path: new}
