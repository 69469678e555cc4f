"""From plain configuration nodes to objects: Hydra instantiates, nothing is looked up by name."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from kexue_pipe.core.contracts import Model, Task
from kexue_pipe.core.initialise import initialise
from kexue_pipe.core.store import STORE, Seed, load_weights

SETTINGS = ("train", "evaluate", "parent")  # nodes of a task that its constructor never sees
NOT_GROUPS = ("task", "model", "optimizer", "parent")  # of a plan: what no model is built from


@dataclass(frozen=True)
class Parent:
    """A model that was trained before, on a task of its own, and how its training ended."""

    task: Task
    model: Model
    status: str


def arguments(node: dict[str, Any]) -> dict[str, Any]:
    """Give a node without the nodes that are settings of a stage."""
    return {key: value for key, value in node.items() if key not in SETTINGS}


def load_parent(nodes: dict[str, Any], seed: int, root: str | Path = ".") -> Parent | None:
    """Load the parent that a plan names by its digest, or give None where it names none."""
    if "parent" not in nodes:
        return None
    node = nodes["parent"]
    files = Seed(Path(root) / STORE, node["digest"], seed)
    record = files.record()
    if record is None:
        raise FileNotFoundError(
            f"{files.model_path}, the parent that seed {seed} starts from, is missing or damaged; "
            f"start snakemake again"
        )
    task = build_task(node["nodes"], load_parent(node["nodes"], seed, root))
    model = build_model(node["nodes"], task, seed)
    load_weights(model, files.model_path, record["sha256"])
    return Parent(task, model.eval(), record["status"])


def build_task(nodes: dict[str, Any], parent: Parent | None = None) -> Task:
    """Build the task of a plan; one that starts from a trained model is given its parent."""
    build = instantiate(arguments(nodes["task"]), _partial_=True)
    return build(parent=parent) if parent else build()


def build_model(nodes: dict[str, Any], task: Task, seed: int) -> Model:
    """Build the model of a plan and draw its parameters from the seed.

    A model receives a factory without arguments for each component group that it reads.
    """
    groups = [group for group in nodes if group not in NOT_GROUPS]
    factories = {group: partial(instantiate, nodes[group]) for group in groups}
    model: Model = instantiate(arguments(nodes["model"]), task=task, **factories)
    initialise(model, seed)
    return model
