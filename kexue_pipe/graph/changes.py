"""What changed between two plans, in the words of the command line and of the source tree."""

from typing import Any

# where the nodes of a plan stand in a configuration
WORDS = {"settings": "task.evaluate", "protocol": "model.evaluate", "tools": ""}
NOTHING = "nothing"  # where only one of the plans has a key


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Say what differs: configuration, source, versions, inputs; nothing for equal plans."""
    said = [
        f"{spelled(key)} {written(a)} -> {written(b)}"
        for key, a, b in _differences(flat(old["nodes"]), flat(new["nodes"]))
    ]
    sources = _differences(old["sources"], new["sources"])
    said += [f"source of {module.replace('.', '/')}.py" for module, _, _ in sources]
    versions = _differences(old["versions"], new["versions"])
    said += [f"version of {name} {a} -> {b}" for name, a, b in versions]
    return said + [_input(*item) for item in _differences(old["inputs"], new["inputs"])]


def _input(name: str, old: Any, new: Any) -> str:
    """Say that something changed that the stage reads: a number, another stage, a user's file."""
    if isinstance(old, int) and isinstance(new, int):
        return f"{name} {old} -> {new}"
    state = "is new" if old is NOTHING else "is gone" if new is NOTHING else "changed"
    return f"{name} {state}"


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    pairs = [(k, old.get(k, NOTHING), new.get(k, NOTHING)) for k in sorted({**old, **new})]
    return [(k, a, b) for k, a, b in pairs if a is NOTHING or b is NOTHING or a != b]


def flat(node: Any, path: str = "") -> dict[str, Any]:
    """Give the leaves of a node with their dotted keys."""
    if not isinstance(node, dict) or not node:
        return {path: node}
    leaves: dict[str, Any] = {}
    for key, child in node.items():
        leaves |= flat(child, f"{path}.{key}" if path else key)
    return leaves


def spelled(path: str) -> str:
    """Spell a key of a plan as on the command line."""
    first, _, rest = path.partition(".")
    return ".".join(filter(None, (WORDS.get(first, first), rest)))


def written(value: Any) -> str:
    """Write a value as on the command line."""
    from kexue_pipe.graph.request import format_value

    return str(value) if value is NOTHING or isinstance(value, dict) else format_value(value)
