"""What the contract tests share: the composed configuration of an override list."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

CONF = Path(__file__).parents[2] / "conf"


@pytest.fixture
def compose_nodes():
    """Compose overrides into plain nested dicts, interpolations resolved."""

    def nodes(overrides: list[str]) -> dict:
        GlobalHydra.instance().clear()  # another test of this process may have started it
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return OmegaConf.to_container(compose("config", overrides), resolve=True)

    return nodes
