"""`kexue-pipe list` and `kexue-pipe prune`: what stands in results/, and what no suite uses.

A suite is a file of conf/suite/, a sweep of results/suites/, or an override or claim with tables
of its own.
It uses the trainings that its variants were made from last, and those that they ask for now.
Deleted are only whole files of the checkpoint store with the names that training gives them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from kexue_pipe.command.run import run_keys
from kexue_pipe.graph import outputs, workflow
from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.suites import RUN_SUITES, suite_names

RESULTS, STORE = Path("results"), Path("results/store")
DIGEST = re.compile(r"[0-9a-f]{24}")
FILE = re.compile(r"seed-\d+\.(safetensors|resume\.safetensors|parquet|json)|\.tmp-\d+\.\w+")
Users = dict[str, set[str]]  # suites by variant, or by digest


def suites() -> list[str]:
    """List every suite: of conf/suite/, of a sweep, of one override or claim."""
    sweeps = (path.stem for path in RUN_SUITES.glob("*.yaml"))
    alone = (path.name for path in (RESULTS / "tables").glob("*=*"))
    return [*suite_names(), *sorted(sweeps), *sorted(alone)]


def users() -> tuple[Users, Users]:
    """Say which suites use each trained variant, and each training of the store."""
    workflow.configure("default", 1, "auto")
    names: Users = {}
    digests: Users = {}
    for suite in suites():
        try:
            evaluated = workflow.evaluated_names(suite)
        except Refused as error:
            raise Refused(
                f"the suite {suite} is not known any more ({error}); mend it, "
                f"or delete {RUN_SUITES}/{suite}.yaml or results/tables/{suite}"
            ) from None
        for name in {name for e in evaluated for name in workflow.trainings(e)}:
            names.setdefault(name, set()).add(suite)
            now = workflow.train_plan_of(name)[0]["digest"]
            last = outputs.manifest_digest(RESULTS / "train" / name / "checkpoints.json")
            for digest in filter(None, (now, last)):
                digests.setdefault(digest, set()).add(suite)
    return names, digests


def size(*paths: Path) -> int:
    """Add up the bytes of files and folders; what is not there has none."""
    files = (file for path in paths for file in [path, *path.rglob("*")])
    return sum(file.lstat().st_size for file in files if file.is_file())


def megabytes(count: int) -> str:
    """Write a number of bytes in MB."""
    return f"{count / 1e6:.1f}"


def show() -> int:
    """List the trained variants, their seeds, their size and the suites that use them."""
    names, digests = users()
    table = Table("variant", "seeds", "MB", "suites", title="trained variants")
    for folder in sorted((RESULTS / "train").glob("*")):
        manifest = folder / "checkpoints.json"
        digest = outputs.manifest_digest(manifest)
        places = [folder, RESULTS / "evaluate" / folder.name]
        total = size(*places, *([STORE / digest] if digest else []))
        used = ", ".join(sorted(names.get(folder.name, ()))) or "none"
        table.add_row(folder.name, str(outputs.finished_seeds(manifest)), megabytes(total), used)
    console().print(table)
    parts = Table("folder", "MB", title="results/")
    for folder in sorted(path for path in RESULTS.glob("*") if path.is_dir()):
        parts.add_row(folder.name, megabytes(size(folder)))
    console().print(parts)
    print(f"{len(list(unused(set(digests))))} trainings that no suite uses: kexue-pipe prune")
    return 0


def unused(used: set[str]) -> Iterator[Path]:
    """Give the folders of the store that are trainings and that no suite uses."""
    for folder in sorted(STORE.glob("*")):
        if DIGEST.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
            if folder.name not in used:
                yield folder


def prune(words: list[str]) -> int:
    """Show which checkpoints no suite uses, and with dry_run=false delete them."""
    settings, rest = run_keys(words)
    dry = settings.pop("dry_run", True)
    if settings or rest:
        raise Refused("kexue-pipe prune takes dry_run=false and nothing else")
    if not dry:
        workflow.lock()
    _, digests = users()
    total = 0
    for folder in unused(set(digests)):
        files = sorted(path for path in folder.iterdir())
        ours = [p for p in files if FILE.fullmatch(p.name) and p.is_file() and not p.is_symlink()]
        total += size(*ours)
        print(f"{folder}: {len(ours)} files, {megabytes(size(*ours))} MB")
        for path in set(files) - set(ours):
            print(f"  {path} is not known and stays")
        if not dry:
            for path in ours:
                path.unlink()
            if len(ours) == len(files):
                folder.rmdir()
    done = "would be deleted; dry_run=false deletes them" if dry else "deleted"
    print(f"{megabytes(total)} MB of checkpoints that no suite uses {done}")
    return 0


def console() -> Console:
    """Give a console that does not cut lines where nobody looks at a terminal."""
    found = Console(soft_wrap=True)
    return found if found.is_terminal else Console(width=200)
