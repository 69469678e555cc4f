"""A copy of a module that shares every parameter with it and has other parts.

Test-time transforms are built from this: nothing is retrained, nothing is added, and the module
that was trained stays as it is.
"""

from copy import copy
from typing import Any, TypeVar

from torch import nn

AnyModule = TypeVar("AnyModule", bound=nn.Module)


def share(module: AnyModule, **parts: Any) -> AnyModule:
    """Give a shallow copy of a module in which the named submodules or attributes are replaced."""
    twin = copy(module)
    # a shallow copy has the tables of the original: give it its own, with the same entries
    for table in ("_parameters", "_buffers", "_modules"):
        twin.__dict__[table] = dict(module.__dict__[table])
    for name, part in parts.items():
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no part `{name}` to replace")
        setattr(twin, name, part)
    return twin
