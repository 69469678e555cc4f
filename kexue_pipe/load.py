"""Load a trained model for a person: `load("task=text,position=alibi", seed=0)`."""

import json
import shlex
from pathlib import Path

from kexue_pipe.core.components import build_model, build_task, load_parent
from kexue_pipe.core.contracts import Model
from kexue_pipe.core.spelling import split_name
from kexue_pipe.core.store import load_weights
from kexue_pipe.graph.outputs import plan_path
from kexue_pipe.graph.sources import ROOT


def load(name: str, seed: int = 0) -> Model:
    """Give the trained model of a variant in evaluation mode.

    Raises FileNotFoundError where it is not trained, with the command that trains it.
    """
    plan_file = ROOT / plan_path("train", name)
    manifest_path = ROOT / "results/train" / name / "checkpoints.json"
    if not (plan_file.is_file() and manifest_path.is_file()):
        raise FileNotFoundError(
            f"{name} is not trained; run: kexue-pipe {shlex.join(split_name(name))}"
        )
    plan, manifest = json.loads(plan_file.read_text()), json.loads(manifest_path.read_text())
    entry = next((e for e in manifest["seeds"] if e["seed"] == seed), None)
    if entry is None:
        raise FileNotFoundError(
            f"{name} has seeds 0 ... {len(manifest['seeds']) - 1} and not {seed}; "
            f"run: snakemake {Path('results/train') / name / 'checkpoints.json'} "
            f"--config seeds={seed + 1}"
        )
    task = build_task(plan["nodes"], load_parent(plan["nodes"], seed, ROOT))
    model = build_model(plan["nodes"], task, seed)
    load_weights(model, ROOT / entry["file"], entry["sha256"])
    return model.eval()
