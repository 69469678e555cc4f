"""The command line of a person: `kexue-pipe task=text position=rope position.base=500`.

A Hydra application: overrides, `-m` sweeps, `--cfg job`, `--help` and tab completion are Hydra's.
The variant, or all variants of a sweep, go to Snakemake as one graph, whose report shows them
beside the finished rows of the default suite.
"""

import hashlib
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.options import COLLECTIONS, CONF, options
from kexue_pipe.graph.sources import ROOT


def main() -> None:
    """Run Hydra's own commands with Hydra, and variants with Snakemake."""
    from hydra._internal.utils import get_args_parser

    arguments = get_args_parser().parse_args()
    hydras = ("help", "hydra_help", "version", "cfg", "info", "shell_completion")
    try:
        if any(getattr(arguments, name, None) for name in hydras):
            _hydra(arguments.overrides)
        else:
            sys.exit(run(arguments.overrides, arguments.multirun))
    except Refused as error:
        sys.exit(f"error: {error}")


def run(overrides: list[str], multirun: bool) -> int:
    """Hand one variant, or the variants of a sweep, to Snakemake; give its exit code."""
    from kexue_pipe.graph.names import variant

    os.chdir(ROOT)
    settings, overrides = _run_keys(overrides)
    if multirun:
        name = _sweep_suite(overrides)
    else:
        name = variant(overrides).name
    page = f"results/report/{name}.html"
    command = [str(Path(sys.executable).with_name("snakemake")), page, "--cores", "all"]
    if settings.pop("dry_run", False):
        command.append("--dry-run")
    if settings:
        command += ["--config", *(f"{key}={value}" for key, value in settings.items())]
    print(shlex.join(["snakemake", *command[1:]]), flush=True)
    code = os.spawnv(os.P_WAIT, command[0], command)
    if code == 0 and "--dry-run" not in command:
        print(f"\n{page} shows {name} beside the default suite")
    return code


def _run_keys(overrides: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Separate the run keys, which stand in no name, from the overrides of a variant."""
    from kexue_pipe.graph.compose import convert
    from kexue_pipe.graph.request import RUN_KEYS, parse_override

    defaults = {"seeds": 3, "device": "auto", "dry_run": False, "report.language": "en"}
    settings, rest = {}, []
    for text in overrides:
        parsed = parse_override(text)
        if parsed.key_or_group in RUN_KEYS and parsed.is_sweep_override():
            raise Refused(f"{text}: {parsed.key_or_group} holds for the whole run, not for a point")
        if parsed.key_or_group in RUN_KEYS:
            key = parsed.key_or_group
            # the last word is the key that `snakemake --config` takes
            settings[key.split(".")[-1]] = convert(text, parsed.value(), defaults[key])
        else:
            rest.append(text)
    return settings, rest


def _sweep_suite(overrides: list[str]) -> str:
    """Write a sweep as a suite of its own under `results/suites/` and give its name."""
    import yaml

    from kexue_pipe.core.files import atomic_write
    from kexue_pipe.graph.names import variant
    from kexue_pipe.graph.suites import RUN_SUITES, expand, split_sweep

    line = shlex.join(overrides)
    names = expand([line]).variants
    if not names:
        variant(split_sweep(overrides)[0])  # raises the reason
    if len(names) == 1:
        return names[0]
    name = f"sweep-{hashlib.sha256(' '.join(sorted(names)).encode()).hexdigest()[:8]}"
    atomic_write(
        RUN_SUITES / f"{name}.yaml", yaml.safe_dump({"sweeps": [line], "beside": "default"})
    )
    return name


def _hydra(overrides: list[str]) -> None:
    """Let Hydra answer `--cfg`, `--help`, `--info` and completion, with full collections."""
    import hydra

    given = {text.split("=")[0] for text in overrides}
    full = [f"{g}=[{','.join(options(g))}]" for g in COLLECTIONS if g not in given]
    flags = [word for word in sys.argv[1:] if word not in overrides]
    sys.argv[1:] = [*overrides, *full, *flags]
    hydra.main(config_path=str(CONF), config_name="config", version_base="1.3")(_shown)()


def _shown(config: Any) -> None:
    """Stand in for a job: Hydra has printed what was asked for before it would run one."""


if __name__ == "__main__":
    main()
