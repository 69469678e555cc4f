"""What the contract tests share: the composed configuration of an override list."""

from typing import Any

import pytest

from kexue_pipe.graph.compose import apply, resolve
from kexue_pipe.graph.request import parse


@pytest.fixture
def compose_nodes():
    """Compose overrides into plain nested dicts, interpolations resolved."""

    def nodes(overrides: list[str]) -> dict[str, Any]:
        return resolve(apply(parse(overrides)))

    return nodes
