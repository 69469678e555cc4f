"""`--help` shows every option with its sentence, and tab completion works in a real bash."""

import subprocess
import sys
from pathlib import Path

import pytest

from kexue_pipe.command.help import text
from kexue_pipe.graph.options import CONF, options, subgroups

COMPLETE = """
eval "$(kexue-pipe -sc install=bash)"
complete_line() {
    COMP_LINE="$1" COMP_POINT=${#1} words=($1); COMP_CWORD=$((${#words[@]} - 1))
    hydra_bash_completion
    echo "${COMPREPLY[@]}"
}
"""


@pytest.mark.parametrize("group", ["position", "attention/mask", "extension", "task"])
def test_every_option_stands_with_its_sentence(group: str) -> None:
    shown = text()
    for option in options(group):
        sentence = (CONF / group / f"{option}.yaml").read_text().splitlines()
        line = sentence[1] if sentence[0].startswith("# @package") else sentence[0]
        assert f"  {option:<18}  {line.removeprefix('# ')}\n" in shown + "\n"


def test_every_group_and_run_key_stands_there() -> None:
    shown = text()
    groups = [p.name for p in CONF.iterdir() if p.is_dir() and p.name not in ("suite", "claim")]
    assert all(f"\n{group}: " in shown for group in groups)
    assert all(f"\n{sub.replace('/', '.')}:\n" in shown for sub in subgroups("attention"))
    assert "  seeds=3 " in shown and "  report.language=en " in shown


def test_a_reader_that_stops_early_sees_no_traceback() -> None:
    command = f"{sys.executable} -m kexue_pipe --help | head -1"
    shell = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert shell.stdout.startswith("kexue-pipe OVERRIDES") and shell.stderr == ""


def test_tab_completes_groups_options_and_keys() -> None:
    lines = ["position=al", "attention/ma", "position.ba", "position=alibi size=sm", "extension=nt"]
    script = COMPLETE + "".join(f'complete_line "kexue-pipe {line}"\n' for line in lines)
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    shell = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env={"PATH": path}
    )
    assert shell.stdout.splitlines() == [
        "position=alibi",
        "attention/mask=",
        "position.base=",
        "size=small size=smoke",
        "extension=ntk extension=ntk_dynamic extension=ntk_fixed extension=ntk_mixed "
        "extension=ntk_old",
    ], shell.stderr
