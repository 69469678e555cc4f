"""A temporary copy of the repository in which tests edit files and run the real commands."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TRACKED = ("Snakefile", "conf", "workflow", "profiles", "kexue_pipe", "results/README.md")
SUITE = """
seeds: {seeds}
sweeps:
{lines}
"""


class Checkout:
    """A copy of the product with a `default` suite of its own."""

    def __init__(self, path: Path, sweeps: list[str], seeds: int = 1) -> None:
        self.path = path
        for name in TRACKED:
            source, target = ROOT / name, path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.pyc.*"))
            else:
                shutil.copy(source, target)
        lines = "\n".join(f"  - {line}" for line in sweeps)
        (path / "conf/suite/default.yaml").write_text(SUITE.format(seeds=seeds, lines=lines))

    def command(self, program: str, *arguments: str) -> list[str]:
        if program == "kexue-pipe":
            return [sys.executable, "-m", "kexue_pipe", *arguments]
        return [str(Path(sys.executable).with_name(program)), *arguments]

    def start(self, program: str, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            self.command(program, *arguments),
            cwd=self.path,
            env=os.environ | {"PYTHONPATH": str(self.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, program: str, *arguments: str) -> str:
        """Run a command that must succeed, and give all that it prints."""
        code, output = self.try_run(program, *arguments)
        assert code == 0, output
        return output

    def try_run(self, program: str, *arguments: str) -> tuple[int, str]:
        with self.start(program, *arguments) as process:
            output, _ = process.communicate()
        return process.returncode, output

    def planned(self, *arguments: str, program: str = "snakemake", dry: str = "-n") -> set[str]:
        """List what a dry run would run: `rule wildcard`."""
        output = self.run(program, dry, *arguments)
        if program == "kexue-pipe":  # its own table
            cells = [line.split("│")[1:3] for line in output.splitlines() if "│" in line]
            return {f"{rule.strip()} {name.strip()}" for rule, name in cells if rule.strip()}
        job = r"^(?:local)?rule (\w+):\n(?:    .*\n)*?    wildcards: \w+=(.*)$"
        found = re.findall(job, output, re.M)
        if not found:
            assert "Nothing to be done" in output, output
        return {f"{rule} {wildcard}" for rule, wildcard in found}

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.path / file
        text = path.read_text()
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new, 1))

    def tables(self) -> dict[str, bytes]:
        """Read every table but `timing`, and every manifest."""
        folders = ("results/tables", "results/evaluate", "results/train")
        paths = [p for f in folders for p in (self.path / f).rglob("*") if p.is_file()]
        return {
            str(p.relative_to(self.path)): p.read_bytes()
            for p in sorted(paths)
            if p.stem != "timing"
        }
