"""`kexue-pipe why FILE`: what a file of results/ was made from, and what would run again.

Of a file of the source or of conf/ it says which jobs read it, and so what an edit reaches.
"""

import os
from pathlib import Path
from typing import Any

from kexue_pipe.graph import compositions, outputs, workflow
from kexue_pipe.graph.changes import flat, spelled, written
from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.names import stage_name
from kexue_pipe.graph.options import COLLECTIONS, TEST_TIME
from kexue_pipe.graph.sources import PACKAGE, ROOT
from kexue_pipe.graph.suites import load_suite

PLANNED = {
    "train": workflow.train_plan_of,
    "evaluate": workflow.evaluate_plan_of,
    "collect": workflow.collect_plan_of,
    "claims": workflow.claims_plan_of,
    "report": workflow.report_plan_of,
}
FOLDERS = {"tables": "collect"}  # where a folder of results/ is not the word of its rule
FEW = 12  # reasons, or jobs, that are listed


def why(files: list[str]) -> int:
    """Explain a file of results/, of the source or of conf/."""
    if len(files) != 1:
        raise Refused("kexue-pipe why takes one file, such as results/report/default.html")
    file, path = files[0], Path(os.path.abspath(files[0]))
    os.chdir(ROOT)
    parts = path.relative_to(ROOT).parts if path.is_relative_to(ROOT) else ()
    if parts[:1] == ("results",):
        _explain(*job_of(file, parts[1:]))
    elif parts[:1] in ((PACKAGE,), ("conf",)) and path.is_file():
        _reach(parts)
    else:
        raise Refused(f"{file} is no file of results/, conf/ or {PACKAGE}/; name one of these")
    return 0


def job_of(file: str, parts: tuple[str, ...]) -> tuple[str, str]:
    """Give stage and name of the job that makes a file of results/."""
    folder, *rest = parts or ("",)
    if folder == "plans" and len(rest) > 1:
        folder, *rest = rest
    stage = FOLDERS.get(folder, folder)
    if rest and Path(rest[-1]).stem in workflow.JUDGED:
        stage = "claims"
    if folder == "store" and rest:
        return "train", _trained(file, rest[0])
    if stage not in PLANNED or not rest:
        raise Refused(f"{file} is no output of a job; kexue-pipe list shows what there is")
    return stage, rest[0].removesuffix(".html") if stage == "report" else rest[0]


def _trained(file: str, digest: str) -> str:
    """Name a variant whose manifest holds the checkpoints of a digest."""
    for manifest in sorted(Path("results/train").glob("*/checkpoints.json")):
        if outputs.manifest_digest(manifest) == digest:
            return manifest.parent.name
    raise Refused(f"{file}: no variant uses this training now; kexue-pipe prune would delete it")


def needs(stage: str, name: str) -> list[tuple[str, str]]:
    """List the jobs that a job stands on, first things first, and the job itself."""
    if stage in ("train", "evaluate"):
        evaluated = [name] if stage == "evaluate" else []
    else:
        evaluated = compositions.evaluated_names(name)
    trained = [t for e in evaluated or [name] for t in compositions.trainings(e)]
    jobs = [("train", t) for t in trained] + [("evaluate", e) for e in evaluated]
    jobs += [("collect", name)] if stage in ("claims", "report") else []
    jobs += [("claims", name)] if stage == "report" else []
    return list(dict.fromkeys([*jobs, (stage, name)]))


def reasons(stage: str, name: str) -> list[str]:
    """Say why a job would run again; nothing if its outputs are up to date."""
    plan, made = PLANNED[stage](name)
    return outputs.why(plan, name, made)


def _explain(stage: str, name: str) -> None:
    _ask_as_last_time(stage, name)
    plan, made = PLANNED[stage](name)
    jobs = [(*job, found) for job in needs(stage, name) if (found := reasons(*job))]
    print(f"{stage} {name}")
    print(f"made from {outputs.made_from(made) or 'nothing'}, now {plan['digest']}")
    print("would run again:" if jobs else "up to date")
    for rule, which, found in jobs:
        print(f"  {rule} {which}: {told(found)}")
    print("\ndigest parts")
    modules = [module.removeprefix(f"{PACKAGE}.") for module in plan["sources"]]
    print(f"  sources   {', '.join(modules)}")
    for part in ("versions", "inputs"):
        words = (f"{key} {value}" for key, value in plan[part].items())
        print(f"  {part:<9} {', '.join(words) or 'none'}")
    print("\nconfiguration")
    for key, value in flat(plan["nodes"]).items():
        if not key.endswith("._partial_"):
            print(f"  {spelled(key)}={written(value)}")


def told(found: list[str]) -> str:
    """Join the first few of a list."""
    more = [f"{len(found) - FEW} more"] if len(found) > FEW else []
    return "; ".join([*found[:FEW], *more])


def _ask_as_last_time(stage: str, name: str) -> None:
    """Ask for the seeds and the language that the last run of a suite asked for."""
    if stage in ("train", "evaluate"):
        workflow.configure("default", 1, "auto")  # a manifest with more seeds keeps them
        return
    last = [outputs.read_plan(outputs.plan_path(s, name)) for s in ("collect", "report")]
    nodes: dict[str, Any] = {}
    for plan in filter(None, last):
        nodes |= plan["nodes"]
    seeds = nodes.get("seeds", load_suite(name).seeds)
    workflow.configure(name, seeds, "auto", nodes.get("language", "en"))


def _reach(parts: tuple[str, ...]) -> None:
    """Say which jobs an edit of a file reaches, by their last plans."""
    files = sorted(outputs.PLANS.glob("*/*/plan.json"))
    read = {(f.parents[1].name, f.parent.name): outputs.read_plan(f) for f in files}
    known = {job: plan for job, plan in read.items() if plan}
    reached = {job for job, plan in known.items() if reads(plan, parts)}
    if parts[0] == "conf" and parts[1] not in TEST_TIME:  # a model is trained with it
        evaluated = [name for stage, name in reached if stage == "evaluate"]
        reached |= {("train", stage_name(name, "train")) for name in evaluated}
    for stage in PLANNED:  # each stage stands on those before it
        jobs = {job for job in known if job[0] == stage}
        reached |= {job for job in jobs if reached & stands_on(job, known[job])}
    print("/".join(parts))
    print("an edit of its meaning runs again:" if reached else "no job has read it")
    for stage in PLANNED:
        names = sorted(name for rule, name in reached if rule == stage)
        if names:
            print(f"  {stage:<8}  {told(names)}")


def reads(plan: dict[str, Any], parts: tuple[str, ...]) -> bool:
    """Tell whether a job reads a source file, or the option of a yaml."""
    if parts[0] == PACKAGE:
        return ".".join(parts).removesuffix(".py") in plan["sources"]
    group, option = "/".join(parts[1:-1]), Path(parts[-1]).stem
    if group in COLLECTIONS:
        return option in (plan["nodes"].get("tools") or plan["nodes"]).get(group, {})
    return group.split("/")[0] in plan.get("used", ()) and plan["chosen"].get(group) == option


def stands_on(job: tuple[str, str], plan: dict[str, Any]) -> set[tuple[str, str]]:
    """Give the jobs that a job reads the outputs of."""
    stage, name = job
    if stage == "evaluate":
        return {("train", stage_name(name, "train"))}
    if stage == "collect":
        return {("evaluate", evaluated) for evaluated in plan["nodes"]["variants"]}
    before = {"claims": "collect", "report": "claims"}
    return {(before[stage], name)} if stage in before else set()
