"""How a name is spelled: overrides joined by commas, safe as a file name and as a wildcard."""

import re
from urllib.parse import quote, unquote

_QUOTED = re.compile(r"('(?:\\.|[^'\\])*')", re.DOTALL)
_SAFE = "=,.[]+-:_"  # what stays as it is; everything else is %-encoded, as in URLs


def join_name(parts: list[str]) -> str:
    """Join overrides into a name that is a safe file name: no slash, blank or quote is left."""
    return ",".join(_encode(part) for part in parts)


def _encode(part: str) -> str:
    """Encode an override; inside quotes also commas and brackets, which separate elsewhere."""
    pieces = _QUOTED.split(part)  # every second one is quoted
    return "".join(quote(p, safe="" if i % 2 else _SAFE) for i, p in enumerate(pieces))


def split_name(name: str) -> list[str]:
    """Take a name apart into override strings; commas inside brackets do not separate."""
    parts, depth, start = [], 0, 0
    for i, character in enumerate(name):
        depth += (character == "[") - (character == "]")
        if character == "," and depth == 0:
            parts.append(name[start:i])
            start = i + 1
    return [unquote(part) for part in [*parts, name[start:]]]
