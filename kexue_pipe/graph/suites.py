"""A suite is a list of Hydra sweep lines, the text that one types after `kexue-pipe -m`.

The union of the lines by canonical name is the set of variants; one that stands in two lines is
trained once. A combination that does not fit is skipped in a sweep of several and listed; a line
that asks for one variant alone fails with the reason.
"""

import shlex
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kexue_pipe.core.spelling import split_name
from kexue_pipe.graph.errors import Misfit, Refused
from kexue_pipe.graph.options import CONF, suggest

RUN_SUITES = Path("results/suites")  # suites that `kexue-pipe -m` made
KEYS = {"sweeps", "seeds", "beside", "claims", "elsewhere", "rates"}
CLAIM = "claim="  # how the name of a suite of one claim begins


@dataclass(frozen=True)
class Suite:
    """A named set of variants."""

    name: str
    sweeps: list[str] = field(default_factory=list)
    seeds: int = 3
    beside: str | None = None  # suite whose finished rows are shown beside this one's
    claims: list[str] | str = field(default_factory=list)  # whose runs it consists of, or `all`
    elsewhere: str | None = None  # suite whose claims are listed here, and run there
    rates: list[float] = field(default_factory=list)  # learning rates that claims are tried at
    overrides: list[str] = field(default_factory=list)  # of every variant of its claims


@dataclass(frozen=True)
class Expansion:
    """The variants of a suite, and the combinations of its sweeps that do not fit."""

    variants: list[str]
    skipped: list[dict[str, str]] = field(default_factory=list)
    seeds: dict[str, int] = field(default_factory=dict)  # of variants that need another number
    claims: dict[str, Any] = field(default_factory=dict)  # by name, as they are tried here

    def plain(self) -> dict[str, Any]:
        """Give plain data for the cache."""
        return asdict(self)


def suite_names() -> list[str]:
    """List the suites of `conf/suite/`."""
    return sorted(path.stem for path in (CONF / "suite").glob("*.yaml"))


def load_suite(name: str) -> Suite:
    """Find a suite: in `conf/suite/`, the name of one variant, or one made by a sweep."""
    for path in (CONF / "suite" / f"{name}.yaml", RUN_SUITES / f"{name}.yaml"):
        if "/" not in name and path.is_file():
            return _read(name, path)
    if name.startswith(CLAIM):
        claim, *overrides = split_name(name.removeprefix(CLAIM))
        rates = load_suite("claims_rates").rates
        return Suite(name, claims=[claim], rates=rates, overrides=overrides, beside="default")
    if name.startswith("task="):
        return Suite(name, [shlex.join(split_name(name))], beside="default")
    raise Refused(f"suite={name}: there is no such suite; {suggest(name, suite_names())}")


def _read(name: str, path: Path) -> Suite:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, ValueError) as error:
        raise Refused(f"{path} is no yaml file: {' '.join(str(error).split())}") from error
    given = isinstance(content, dict) and (content.get("sweeps") or content.get("claims"))
    if not given or set(content) - KEYS:
        raise Refused(
            f"{path} must hold `sweeps`, a list of sweep lines, or `claims`, a list of claims or "
            "all, and may hold seeds, beside, elsewhere, rates"
        )
    wrong = [key for key, value in content.items() if not _fits(key, value)]
    if wrong:
        raise Refused(f"{path}: {wrong[0]}: {content[wrong[0]]!r} is not what stands there")
    return Suite(name, **content)


def _fits(key: str, value: Any) -> bool:
    """Tell whether a value of a suite file has the type that it is read as."""
    if key == "seeds":
        return type(value) is int and value > 0
    if key in ("beside", "elsewhere"):
        return value is None or isinstance(value, str)
    kinds = (int, float) if key == "rates" else (str,)
    listed = isinstance(value, list) and all(isinstance(item, kinds) for item in value)
    return listed or (key == "claims" and value == "all")


def expansion(suite: Suite) -> Expansion:
    """Expand a suite: its sweeps, or the runs that its claims need."""
    from kexue_pipe.graph import ledger

    if not suite.claims:
        return expand(suite.sweeps)
    others = load_suite(suite.elsewhere).claims if suite.elsewhere else ()
    there = {"reason": f"it is a claim of the suite {suite.elsewhere}"}
    claims = {
        name: claim | there
        if name in others
        else ledger.resolved(claim, suite.overrides, suite.rates)
        for name, claim in ledger.chosen(suite.claims).items()
    }
    seeds = ledger.wanted(claims)
    left_out = {f"claim={name}": c["reason"] for name, c in claims.items() if c["reason"]}
    skipped = [{"name": name, "reason": reason} for name, reason in left_out.items()]
    return Expansion([*seeds], skipped, seeds, claims)


def expand(sweeps: list[str]) -> Expansion:
    """Expand sweep lines with Hydra's parser and sweeper into canonical names."""
    from kexue_pipe.graph.names import variant

    names: dict[str, None] = {}
    skipped: dict[str, str] = {}
    for line in sweeps:
        points = split_sweep(shlex.split(line))
        for point in points:
            try:
                names[variant(point).name] = None
            except Misfit as reason:
                if len(points) == 1:
                    raise
                skipped[" ".join(point)] = str(reason)
    return Expansion(list(names), [{"name": k, "reason": v} for k, v in skipped.items()])


def split_sweep(overrides: list[str]) -> list[list[str]]:
    """Take one sweep apart into override lists: choices, ranges and globs of Hydra's grammar."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    from kexue_pipe.graph.compose import start_hydra

    start_hydra()
    loader = GlobalHydra.instance().config_loader()
    try:
        parsed = OverridesParser.create(config_loader=loader).parse_overrides(overrides)
        (points,) = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    except HydraException as error:
        reason = " ".join(str(error).split())
        raise Refused(f"{' '.join(overrides)} is no Hydra sweep ({reason})") from error
    return [list(point) for point in points]
