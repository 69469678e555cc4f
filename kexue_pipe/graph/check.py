"""Check a composed variant from the metadata in its yaml files, without importing any component.

`_uses_` (groups that a model, or the parent of a task, reads), `_gives_` and `_needs_` (facts that
components offer and require), `_allowed_` (ranges and options of values), `_holds_` (conditions
between values), `_target_` (a component of this package).
"""

from collections.abc import Iterator
from typing import Any

from kexue_pipe.graph.compose import GROUPS
from kexue_pipe.graph.conditions import holds
from kexue_pipe.graph.errors import Misfit, Refused
from kexue_pipe.graph.options import COLLECTIONS, options, options_with
from kexue_pipe.graph.request import format_value
from kexue_pipe.graph.sources import signature, split_target

ALWAYS_USED = ("task", "model", "optimizer", "size")
NOT_ARGUMENTS = (
    "evaluate",
    "train",
    "parent",
)  # nodes inside a component that its constructor never sees


def used_groups(nodes: dict[str, Any]) -> list[str]:
    """List the groups that the model of a composition, or the parent of its task, reads."""
    read = {g for group in ("model", "task") for g in nodes[group].get("_uses_", [])}
    return [g for g in GROUPS if g in read.union(ALWAYS_USED)]


def walk(node: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every dictionary of a node with its dotted path."""
    if isinstance(node, dict):
        yield path, node
        for key, child in node.items():
            if not key.startswith("_"):
                yield from walk(child, f"{path}.{key}")


def check_nodes(nodes: dict[str, Any]) -> None:
    """Refuse foreign or missing targets, unknown arguments, and values out of range."""
    for group in [*used_groups(nodes), "chart"]:
        for path, node in walk(nodes[group], group):
            if "_target_" in node:
                _check_target(path, node)
            for key, rule in node.get("_allowed_", {}).items():
                _check_value(f"{path}.{key}", node[key], rule)
            for condition, reason in node.get("_holds_", {}).items():
                if not holds(condition, nodes | {"T": longest_context(nodes)} | node):
                    raise Refused(f"{path}: {reason}; {condition} must hold")


def longest_context(nodes: dict[str, Any]) -> int:
    """Give T, the longest context of the test documents, tokens."""
    settings = nodes["task"].get("evaluate", {})
    factor: int = settings.get("max_factor", 1)
    return max(settings.get("lengths") or [factor * nodes["task"]["train_length"]])


def _check_target(path: str, node: dict[str, Any]) -> None:
    target = node["_target_"]
    try:
        split_target(target)
        known = signature(target)
    except Refused as error:
        raise Refused(f"{path}: {error}") from None
    given = {key for key in node if not key.startswith("_") and key not in NOT_ARGUMENTS}
    if known is not None and given - known:
        unknown = ", ".join(sorted(given - known))
        raise Refused(f"{path}: {target} takes no {unknown}; it takes {', '.join(sorted(known))}")


def _check_value(key: str, value: Any, rule: Any) -> None:
    if value is None:
        return
    why = ""
    if isinstance(rule, dict):
        ((rule, why),) = rule.items()
    if isinstance(rule, str) and rule.startswith("options of "):
        group, _, fact = rule.removeprefix("options of ").partition(" with ")
        rule = list(options_with(group, fact) if fact else options(group))
    for item in value if isinstance(value, list) else [value]:
        if isinstance(rule, list) and item not in rule:
            raise Refused(
                f"{key}={format_value(item)}: this must be one of {', '.join(map(str, rule))}"
                + (f"; {why}" if why else "")
            )
        if isinstance(rule, str) and not _inside(item, rule):
            raise Refused(f"{key}={format_value(item)}: this must be a number in {rule}")


def _inside(value: Any, interval: str) -> bool:
    interval = interval.removeprefix("list of ")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    low, high = (float(bound) for bound in interval[1:-1].split(","))
    above = value > low if interval[0] == "(" else value >= low
    below = value < high if interval[-1] == ")" else value <= high
    return above and below


def _facts(nodes: dict[str, Any], groups: list[str]) -> set[str]:
    return {
        fact
        for group in groups
        for _, node in walk(nodes[group], group)
        for fact in node.get("_gives_", [])
    }


def missing_fact(node: dict[str, Any], facts: set[str]) -> str | None:
    """Give the reason why a component does not fit, or None."""
    return next((why for fact, why in node.get("_needs_", {}).items() if fact not in facts), None)


def check_fit(nodes: dict[str, Any], chosen: dict[str, str], named: set[str]) -> None:
    """Refuse components that do not fit together; drop unnamed collection members that do not.

    `named` holds the groups, and the dotted members of collections, that a person asked for.
    """
    used = used_groups(nodes)
    model = chosen["model"]
    for group in sorted({name.split(".")[0] for name in named} - set(used) - {"chart"}):
        raise Misfit(
            f"{group} is not read by model={model}, which task={chosen['task']} trains; "
            f"it reads {', '.join(g for g in used if g not in ALWAYS_USED)}; drop {group}"
        )
    single = [group for group in used if group not in COLLECTIONS]
    facts = _facts(nodes, single)
    for group in single:
        for path, node in walk(nodes[group], group):
            if reason := missing_fact(node, facts):
                here = path.replace(".", "/")
                near = [g for g in chosen if g.startswith(f"{group}/") and g != here != group]
                rest = [g for g in single if g not in ALWAYS_USED and g != group]
                rest = [g for g in rest if g in named] or ([] if near else rest)
                others = ", ".join(f"{g.replace('/', '.')}={chosen[g]}" for g in near + rest)
                option = chosen.get(here, "")
                raise Misfit(f"{path}={option} does not go with {others or model}: {reason}")
    for collection in ("extension", "metric"):
        for name, node in list(nodes.get(collection, {}).items()):
            reasons = (missing_fact(part, facts) for _, part in walk(node, name))
            reason = next(filter(None, reasons), None)
            if collection not in used:
                del nodes[collection][name]
            elif reason and f"{collection}.{name}" in named:
                raise Misfit(f"{collection}={name} does not apply to this variant: {reason}")
            elif reason:
                del nodes[collection][name]
