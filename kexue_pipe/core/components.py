"""From plain configuration nodes to objects: Hydra instantiates, nothing is looked up by name."""

from functools import partial
from typing import Any

from hydra.utils import instantiate

from kexue_pipe.core.contracts import Model, Task
from kexue_pipe.core.initialise import initialise

SETTINGS = ("train", "evaluate")  # nodes of a task that its constructor never sees


def arguments(node: dict[str, Any]) -> dict[str, Any]:
    """Give a node without the nodes that are settings of a stage."""
    return {key: value for key, value in node.items() if key not in SETTINGS}


def build_task(nodes: dict[str, Any]) -> Task:
    """Build the task of a plan."""
    return instantiate(arguments(nodes["task"]))


def build_model(nodes: dict[str, Any], task: Task, seed: int) -> Model:
    """Build the model of a plan and draw its parameters from the seed.

    A model receives a factory without arguments for each component group that it reads.
    """
    groups = [group for group in nodes if group not in ("task", "model", "optimizer")]
    factories = {group: partial(instantiate, nodes[group]) for group in groups}
    model: Model = instantiate(arguments(nodes["model"]), task=task, **factories)
    initialise(model, seed)
    return model
