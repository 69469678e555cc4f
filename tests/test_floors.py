"""Who may import whom, and which files belong together: decisions that are tests."""

import ast
from pathlib import Path

import pytest
import yaml

from kexue_pipe.graph.options import COLLECTIONS, CONF
from kexue_pipe.graph.sources import ROOT, split_target

PACKAGE = ROOT / "kexue_pipe"
COMPONENTS = (
    "position", "position_ids", "attention", "quantizer", "task", "extension", "decode", "backend",
    "metric",
    "chart", "optimizer",
)  # fmt: skip
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p.name != "__init__.py")
YAMLS = sorted(
    p for p in CONF.rglob("*.yaml") if p.parent != CONF and p.parent.name not in ("suite", "claim")
)


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(str(node.module))
    return found


def own(path: Path) -> set[str]:
    """Name the folders, or modules, of this package that a file imports."""
    return {name.split(".")[1] for name in imports(path) if name.startswith("kexue_pipe.")}


def floor(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_keep_to_the_floors(path: Path) -> None:
    here = floor(path)
    if here == "core":
        assert own(path) <= {"core"}
    elif here in COMPONENTS:
        assert own(path) <= {"core"}
    elif here in ("claim", "study"):
        assert own(path) <= {"core", here}
    elif here == "model":
        assert own(path) <= {"core", "model"}
    elif here == "graph":
        assert own(path) <= {"graph", "core"}
        assert not {n.split(".")[0] for n in imports(path)} & {"torch", "polars", "altair"}
    if here in ("chart", "claim", "study", "report", "collect", "claims"):
        assert "torch" not in {name.split(".")[0] for name in imports(path)}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("__init__.py")), ids=str)
def test_init_files_are_empty(path: Path) -> None:
    assert path.read_text() == ""


@pytest.mark.parametrize("path", YAMLS, ids=lambda p: str(p.relative_to(CONF)))
def test_a_yaml_has_a_sentence_and_names_a_component_of_its_folder(path: Path) -> None:
    lines = path.read_text().splitlines()
    group = path.relative_to(CONF).parts[0]
    if group in COLLECTIONS:
        assert lines[0] == f"# @package {group}.{path.stem}"
        lines = lines[1:]
    assert lines[0].startswith("# ") and lines[0].rstrip()[-1] in ".:", path
    target = yaml.safe_load(path.read_text()).get("_target_")
    if target:
        module, _ = split_target(target)
        assert module.startswith(f"kexue_pipe.{'.'.join(path.parent.relative_to(CONF).parts)}.")


@pytest.mark.parametrize(
    "path",
    [p for p in MODULES if floor(p) in COMPONENTS],
    ids=lambda p: str(p.relative_to(PACKAGE)),
)
def test_a_component_has_a_yaml_and_a_test_of_its_name(path: Path) -> None:
    relative = path.relative_to(PACKAGE).with_suffix("")
    assert (CONF / relative).with_suffix(".yaml").is_file()
    test = ROOT / "tests" / relative.parent / f"test_{relative.name}.py"
    assert test.is_file()
