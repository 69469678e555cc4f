"""The checkpoint store: `results/store/{digest}/seed-{s}.*`, addressed by what a training means.

A finished seed is three files: `.safetensors` (parameters and buffers), `.parquet` (its training
table) and `.json` (its record, written last, so that it vouches for the others). While a seed
trains, `.resume.safetensors` holds model, optimizer, step and log; all randomness is a function of
(task, split, seed, step), so the step is the state of every generator and the data cursor.
Checkpoints are read without pickle.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, load_file, save
from torch import Tensor, nn

from kexue_pipe.core.files import atomic_write
from kexue_pipe.core.tables import read_table

STORE = "results/store"


class Seed:
    """The files of one seed of one training."""

    def __init__(self, store: str | Path, digest: str, seed: int) -> None:
        self.stem = Path(store) / digest / f"seed-{seed}"

    @property
    def model_path(self) -> Path:
        return self.stem.with_suffix(".safetensors")

    @property
    def curve_path(self) -> Path:
        return self.stem.with_suffix(".parquet")

    @property
    def resume_path(self) -> Path:
        return self.stem.with_suffix(".resume.safetensors")

    def record(self) -> dict[str, Any] | None:
        """Give the record of a finished seed, or None if any of its files is missing or damaged."""
        try:
            record = json.loads(self.stem.with_suffix(".json").read_text())
            read_table("training", self.curve_path)
            return record if file_hash(self.model_path) == record["sha256"] else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def finish(self, model: nn.Module, record: dict[str, Any]) -> dict[str, Any]:
        """Keep the trained model and its record, and drop what was kept to resume."""
        data = save({name: t.contiguous() for name, t in model.state_dict().items()})
        atomic_write(self.model_path, data)
        record = record | {"sha256": hashlib.sha256(data).hexdigest()}
        atomic_write(self.stem.with_suffix(".json"), json.dumps(record))
        self.resume_path.unlink(missing_ok=True)
        return record

    def pause(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, step: int, log: Tensor
    ) -> None:
        """Keep everything that the rest of the training depends on."""
        tensors = {f"model.{name}": t for name, t in model.state_dict().items()}
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{key}": value for key, value in state.items()}
        tensors |= {"step": torch.tensor(step), "log": log}
        atomic_write(self.resume_path, save({k: t.contiguous() for k, t in tensors.items()}))

    def resume(self, model: nn.Module, optimizer: torch.optim.Optimizer, log: Tensor) -> int:
        """Restore what `pause` kept into model, optimizer and log; give the next step.

        Without a usable file nothing is touched and training starts at step 0.
        """
        try:
            tensors = load(self.resume_path.read_bytes())
        except (OSError, SafetensorError):
            return 0
        model.load_state_dict(
            {k.removeprefix("model."): t for k, t in tensors.items() if k.startswith("model.")}
        )
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".")
                state.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
        log.copy_(tensors["log"])
        return int(tensors["step"])


def file_hash(path: str | Path) -> str:
    """Give the SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_weights(model: nn.Module, path: str | Path, sha256: str) -> None:
    """Load a checkpoint into a model, after checking that it is the one that the manifest names."""
    if file_hash(path) != sha256:
        raise ValueError(f"{path} is not the file that its manifest names; delete it and rerun")
    try:
        model.load_state_dict(load_file(path))
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file ({error}); delete it and rerun") from error
