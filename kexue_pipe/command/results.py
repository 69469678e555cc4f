"""`kexue-pipe list` and `kexue-pipe prune`: what stands in results/, and what no suite uses.

A suite is a file of conf/suite/, a sweep of results/suites/, or an override or claim with tables
of its own.
It uses the trainings that its variants were made from last, and those that they ask for now, and
what was read of a person's own data for these.
Deleted are only whole files of the store with the names that training and reading give them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from kexue_pipe.command.run import run_keys
from kexue_pipe.core.kept_data import kept_folder
from kexue_pipe.graph import compositions, outputs, workflow
from kexue_pipe.graph.errors import Refused
from kexue_pipe.graph.suites import RUN_SUITES, suite_names

RESULTS, STORE = Path("results"), Path("results/store")
FOLDER = re.compile(r"(data-)?[0-9a-f]{24}")
FILE = re.compile(  # in a folder of the store
    r"[0-9a-f]{24}/seed-\d+\.(safetensors|resume\.safetensors|parquet|json)"
    r"|data-[0-9a-f]{24}/(content\.bin|index\.npz|\.lock)"
    r"|(data-)?[0-9a-f]{24}/\.tmp-\d+\.\w+"
)
Users = dict[str, set[str]]  # suites by variant, or by folder of the store


def suites() -> list[str]:
    """List every suite: of conf/suite/, of a sweep, of one override or claim."""
    sweeps = (path.stem for path in RUN_SUITES.glob("*.yaml"))
    alone = (path.name for path in (RESULTS / "tables").glob("*=*"))
    return [*suite_names(), *sorted(sweeps), *sorted(alone)]


def users() -> tuple[Users, Users]:
    """Say which suites use each trained variant, and each folder of the store."""
    workflow.configure("default", 1, "auto")
    names: Users = {}
    folders: Users = {}
    for suite in suites():
        try:
            evaluated = compositions.evaluated_names(suite)
            trained = {name for e in evaluated for name in compositions.trainings(e)}
            plans = {name: workflow.train_plan_of(name)[0] for name in trained}
        except Refused as error:
            raise Refused(
                f"the suite {suite} is not known any more ({error}); mend it, "
                f"or delete {RUN_SUITES}/{suite}.yaml or results/tables/{suite}"
            ) from None
        for name, plan in plans.items():
            names.setdefault(name, set()).add(suite)
            last = outputs.manifest_digest(RESULTS / "train" / name / "checkpoints.json")
            data = [kept_folder(digest).name for digest in plan["inputs"].values()]
            for folder in filter(None, (plan["digest"], last, *data)):
                folders.setdefault(folder, set()).add(suite)
    return names, folders


def size(*paths: Path) -> int:
    """Add up the bytes of files and folders; what is not there has none."""
    files = (file for path in paths for file in [path, *path.rglob("*")])
    return sum(file.lstat().st_size for file in files if file.is_file())


def megabytes(count: int) -> str:
    """Write a number of bytes in MB."""
    return f"{count / 1e6:.1f}"


def show() -> int:
    """List the trained variants, their seeds, their size and the suites that use them."""
    names, folders = users()
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
    left = [folder.name for folder in unused(set(folders))]
    data = sum(name.startswith("data-") for name in left)
    print(f"{len(left) - data} trainings that no suite uses, {data} read data: kexue-pipe prune")
    return 0


def unused(used: set[str]) -> Iterator[Path]:
    """Give the folders of the store that are trainings or read data and that no suite uses."""
    for folder in sorted(STORE.glob("*")):
        if FOLDER.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
            if folder.name not in used:
                yield folder


def prune(words: list[str]) -> int:
    """Show which checkpoints and read data no suite uses, and with dry_run=false delete them."""
    settings, rest = run_keys(words)
    dry = settings.pop("dry_run", True)
    if settings or rest:
        raise Refused("kexue-pipe prune takes dry_run=false and nothing else")
    if not dry:
        workflow.lock()
    _, folders = users()
    total = 0
    for folder in unused(set(folders)):
        files = sorted(path for path in folder.iterdir())
        known = [p for p in files if FILE.fullmatch(f"{folder.name}/{p.name}")]
        ours = [p for p in known if p.is_file() and not p.is_symlink()]
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
    print(f"{megabytes(total)} MB of checkpoints and read data that no suite uses {done}")
    return 0


def console() -> Console:
    """Give a console that does not cut lines where nobody looks at a terminal."""
    found = Console(soft_wrap=True)
    return found if found.is_terminal else Console(width=200)
