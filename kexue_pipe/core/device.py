"""Where computations run: `device=auto|cpu|cuda`, a run key that is in no name and no digest."""

import os
import platform
from pathlib import Path

import torch

VARIABLE = "KEXUE_PIPE_DEVICE"


def choose_device() -> torch.device:
    """Give the device that the environment asks for; auto takes a GPU where there is one."""
    asked = os.environ.get(VARIABLE, "auto")
    if asked not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device={asked}: the device is auto, cpu or cuda")
    if asked == "cuda" and not torch.cuda.is_available():
        raise ValueError("device=cuda: torch sees no GPU here; use device=auto or device=cpu")
    return torch.device("cuda" if asked != "cpu" and torch.cuda.is_available() else "cpu")


def machine() -> str:
    """Describe the processor and the threads, for the timing table."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text().splitlines()
        name = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), name)
    if choose_device().type == "cuda":
        name = torch.cuda.get_device_name()
    return f"{name}, {torch.get_num_threads()} thread"
