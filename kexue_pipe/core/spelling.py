"""How a name is spelled: overrides joined by commas, safe as a file name and as a wildcard."""

from urllib.parse import quote, unquote

_SAFE = "=,.[]+-:_"  # what stays as it is; everything else is %-encoded, as in URLs


def join_name(parts: list[str]) -> str:
    """Join overrides into a name that is a safe file name: no slash, blank or quote is left."""
    return ",".join(quote(part, safe=_SAFE) for part in parts)


def split_name(name: str) -> list[str]:
    """Take a name apart into override strings; commas inside brackets do not separate."""
    parts, depth, start = [], 0, 0
    for i, character in enumerate(name):
        depth += (character == "[") - (character == "]")
        if character == "," and depth == 0:
            parts.append(name[start:i])
            start = i + 1
    return [unquote(part) for part in [*parts, name[start:]]]
