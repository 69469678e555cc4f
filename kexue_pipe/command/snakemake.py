"""Hand a file to Snakemake: `kexue-pipe` says what, Snakemake when."""

import os
import shlex
import sys
from pathlib import Path
from typing import Any


def snakemake(target: str, settings: dict[str, Any]) -> int:
    """Ask Snakemake for a file under some run keys; give its exit code.

    With `dry_run` it is shown what would run, and nothing runs.
    """
    command = [str(Path(sys.executable).with_name("snakemake")), target, "--cores", "all"]
    # the last word of a run key is the key that `snakemake --config` takes
    given = {k.split(".")[-1]: value for k, value in settings.items() if k != "dry_run"}
    if given:
        command += ["--config", *(f"{key}={value}" for key, value in given.items())]
    if settings.get("dry_run"):
        from kexue_pipe.command.forecast import forecast

        return forecast(command, settings)
    print(shlex.join(["snakemake", *command[1:]]), flush=True)
    return os.spawnv(os.P_WAIT, command[0], command)
