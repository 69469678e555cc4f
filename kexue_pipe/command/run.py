"""`kexue-pipe OVERRIDES`: one variant, or the variants of a sweep, as one Snakemake graph.

Its report shows them beside the finished rows of the default suite.
"""

import hashlib
import shlex
from typing import Any

import yaml

from kexue_pipe.command.claim import judge
from kexue_pipe.command.snakemake import snakemake
from kexue_pipe.core.files import atomic_write
from kexue_pipe.graph.compose import convert
from kexue_pipe.graph.compositions import keep
from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.names import variant
from kexue_pipe.graph.request import RUN_KEYS, parse_override
from kexue_pipe.graph.suites import RUN_SUITES, expand, split_sweep

DEFAULTS = {"seeds": 3, "device": "auto", "dry_run": False, "claim": "", "report.language": "en"}


def run(overrides: list[str], multirun: bool) -> int:
    """Hand one variant, or the variants of a sweep, to Snakemake; give its exit code."""
    settings, overrides = run_keys(overrides)
    if claim := settings.pop("claim", None):
        if multirun:
            raise Refused(f"claim={claim}: a claim has its own variants; drop -m")
        return judge(claim, overrides, settings)
    name = _sweep_suite(overrides) if multirun else variant(overrides).name
    page = f"results/report/{name}.html"
    keep(name)
    code = snakemake(page, settings)
    if code == 0 and not settings.get("dry_run"):
        from kexue_pipe.command.comparison import compare

        compare(name)
        print(f"{page} shows {name} beside the default suite")
    return code


def run_keys(overrides: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Separate the run keys, which stand in no name, from the overrides of a variant."""
    settings, rest = {}, []
    for text in overrides:
        parsed = parse_override(text)
        key = parsed.key_or_group
        if key in RUN_KEYS and parsed.is_sweep_override():
            raise Refused(f"{text}: {key} holds for the whole run, not for a point")
        if key in RUN_KEYS:
            settings[key] = convert(text, parsed.value(), DEFAULTS[key])
        else:
            rest.append(text)
    return settings, rest


def _sweep_suite(overrides: list[str]) -> str:
    """Write a sweep as a suite of its own under `results/suites/` and give its name."""
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
